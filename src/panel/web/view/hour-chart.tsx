/** @jsxImportSource hono/jsx/dom */
import type { PanelState } from "../live/store.ts";
import { hourSeries, hourWords } from "../state/history.ts";
import { jobsListed } from "../state/jobs.ts";
import { clockWords } from "../state/words.ts";
import { drawHour, mountHour } from "./hour-plot.ts";

/** Queue depth and outcomes of the last hour, drawn and in words. */
export function HourChart({ state }: { state: PanelState }) {
  const series = hourSeries(state.jobs, state.samples, Date.now(), jobsListed);
  drawHour(series);
  return (
    <section class="card" aria-labelledby="hour-title">
      <h2 id="hour-title">Last hour</h2>
      <figure>
        <div class="chart" ref={mountHour} aria-hidden="true" />
        <figcaption class="fine">
          <span class="legend depth">queue depth</span>
          <span class="legend good">done</span>
          <span class="legend bad">failed</span>
          <span class="legend refused">refused or not sent</span>
          <span class="hour-words">{hourWords(series, clockWords)}</span>
        </figcaption>
      </figure>
    </section>
  );
}
