/**
 * The library's front door brings clusters, default metrics and OpenTelemetry along, which cost a start more than all of
 * ours; its parts have no types of their own.
 */
declare module "prom-client/lib/registry.js" {
  export { Registry as default } from "prom-client";
}
declare module "prom-client/lib/counter.js" {
  export { Counter as default } from "prom-client";
}
declare module "prom-client/lib/gauge.js" {
  export { Gauge as default } from "prom-client";
}
