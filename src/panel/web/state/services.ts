import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText, listOf } from "../api/json.ts";

export interface Service {
  readonly name: string;
  readonly url: string;
  readonly port: string;
  readonly health: "up" | "down" | "degraded" | "unknown";
  readonly detail?: string;
  readonly checkedAt: string;
}

export function readServices(body: Fields): Service[] {
  return listOf(body["services"]).map((item) => {
    const fields = fieldsOf(item);
    const { health } = fields;
    const detail = firstText(fields, "detail");
    return {
      name: firstText(fields, "name") ?? "?",
      url: firstText(fields, "url") ?? "",
      port: firstText(fields, "port") ?? "",
      health: health === "up" || health === "down" || health === "degraded" ? health : "unknown",
      ...(detail !== undefined && { detail }),
      checkedAt: firstText(fields, "checked_at") ?? "",
    };
  });
}

/** The orchestrator among them, by its name. */
export function podiumIn(services: readonly Service[]): Service | undefined {
  return services.find(({ name }) => /podium|luno/i.test(name));
}
