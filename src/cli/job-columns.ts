import { ago } from "./ago.ts";
import type { JobAnswer } from "./answers.ts";
import type { Column } from "./columns.ts";
import { displayWidth, table } from "./columns.ts";
import { colourless } from "./frame-text.ts";
import type { Screen } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";
import { shownStatus } from "./shown-status.ts";

/** Jobs in columns, on a terminal: as many as have room. */

/** Enough to tell stories apart. */
const aboutMin = 10;
const aboutMax = 40;

export interface JobColumn extends Column {
  readonly text: (job: JobAnswer, nowMs: number) => string;
}

/** These two are whole or not there: half an id can't be copied, and half an action is two. */
const job: JobColumn = { title: "JOB", columnsMin: 18, columnsMax: 18, text: ({ job_id }) => job_id };
const action: JobColumn = { title: "ACTION", columnsMin: 13, columnsMax: 13, text: (one) => one.action };
const about = (columnsMax: number): JobColumn => ({
  title: "ABOUT",
  columnsMin: aboutMin,
  columnsMax: Math.min(aboutMax, Math.max(8, columnsMax)),
  // What is about nothing, such as a halt, is named by what it does.
  text: ({ story_id, plan_id, action: done }) => story_id ?? plan_id ?? done,
});
/** So are the usual words of a status: what ended a job is the last thing to be cut. */
const status: JobColumn = { title: "STATUS", columnsMin: 9, columnsMax: 9, style: styleOfStatus, text: shownStatus };
const podium: JobColumn = {
  title: "PODIUM",
  columnsMin: 11,
  columnsMax: 12,
  style: styleOfStatus,
  text: ({ podium_status }) => podium_status ?? "",
};
/** Where there is room for one word only: Podium's, which is the later one. */
const newest: JobColumn = {
  ...podium,
  columnsMin: 8,
  title: "STATUS",
  text: (one) => one.podium_status ?? shownStatus(one),
};
const age: JobColumn = {
  title: "BEGUN",
  columnsMax: 10,
  text: ({ created_at }, nowMs) => ago(created_at ?? "", nowMs),
};
const user: JobColumn = { title: "USER", columnsMax: 16, text: ({ user_id, source }) => user_id ?? source ?? "" };

/** What stands beside that which a job is about, from the widest terminal to the narrowest. */
const sets: readonly (readonly JobColumn[])[] = [
  [job, action, status, podium, age, user],
  [job, action, status, podium, age],
  [job, action, newest, age],
  [job, newest, age],
  [job, newest],
  [newest],
];

function withAbout(others: readonly JobColumn[], columnsMax: number): readonly JobColumn[] {
  const at = others.indexOf(action) + 1 || others.indexOf(job) + 1;
  return [...others.slice(0, at), about(columnsMax), ...others.slice(at)];
}

/** For a view that is drawn over and over: by the room that each column may take, so that none comes and goes. */
export function jobColumns(width: number): readonly JobColumn[] {
  // Between two columns are two spaces.
  const rest = (others: readonly JobColumn[]): number =>
    others.reduce((left, { columnsMax = 0 }) => left - columnsMax - 2, width);
  const others = sets.find((set) => rest(set) >= aboutMin) ?? sets.at(-1)!;
  return withAbout(others, rest(others));
}

/** A list is there to take an id from: where there is hardly room, that stays and the rest goes. */
const narrowest: readonly (readonly JobColumn[])[] = [[job, newest], [job]];

/** A list of jobs on a terminal: as many columns as these jobs leave room for. */
export function jobTable(screen: Screen, jobs: readonly JobAnswer[], nowMs: number): string {
  const { columns: width = Infinity } = screen;
  const isSilent = jobs.every(({ podium_status }) => !podium_status);
  const withId = sets
    .filter((set) => set.includes(job))
    .map((set) => withAbout(isSilent ? set.filter((column) => column !== podium) : set, aboutMax));
  const drawn = (columns: readonly JobColumn[], paint: Screen["paint"]): string =>
    table(
      { ...screen, paint },
      columns,
      jobs.map((one) => columns.map(({ text }) => text(one, nowMs))),
    );
  // Escapes for colours take no room on the terminal, so what is measured has none.
  const fits = (columns: readonly JobColumn[]): boolean =>
    drawn(columns, colourless.paint)
      .split("\n")
      .every((line) => displayWidth(line) <= width);
  return drawn([...withId, ...narrowest].find(fits) ?? [job], screen.paint);
}
