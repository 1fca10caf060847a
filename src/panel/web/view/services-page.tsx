/** @jsxImportSource hono/jsx/dom */
import { firstText } from "../api/json.ts";
import type { PanelState } from "../live/store.ts";
import { ProblemNote } from "./problem-note.tsx";
import { Status } from "./status.tsx";
import { Text, Time } from "./text.tsx";

/** The port map with the health of each neighbour, and this program itself. */
export function ServicesPage({ state }: { state: PanelState }) {
  const { services, servicesProblem, facts, gateway, nowMs } = state;
  return (
    <section class="card services" aria-labelledby="services-title">
      <h2 id="services-title">Services</h2>
      {servicesProblem && <ProblemNote problem={servicesProblem} />}
      <div class="table" role="region" aria-label="Port map" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {["Service", "Port", "Health", "Looked at", "Where"].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <td>roxy-core {firstText(gateway, "version") ?? ""}</td>
              <td class="num">{location.port}</td>
              <td>
                <Status word={facts.gateway === "up" ? "up" : "down"} />
              </td>
              <td>
                since <Time at={facts.gatewaySince} nowMs={nowMs} />
              </td>
              <td class="id">{location.origin}</td>
            </tr>
            {(services ?? []).map((service) => (
              <tr key={service.url}>
                <td>
                  <Text text={service.name} chars={60} />
                </td>
                <td class="num">{service.port}</td>
                <td>
                  <Status word={service.health} />
                  {service.detail !== undefined && (
                    <div class="fine">
                      <Text text={service.detail} chars={120} />
                    </div>
                  )}
                </td>
                <td>
                  <Time at={service.checkedAt} nowMs={nowMs} />
                </td>
                <td class="id">{service.url}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {services === undefined && !servicesProblem && <p class="empty">Asking each of them…</p>}
      <p class="fine">Only looked at: roxy-core calls through to Podium alone.</p>
    </section>
  );
}
