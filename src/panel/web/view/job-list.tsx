/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import type { PanelState } from "../live/store.ts";
import type { Job } from "../state/jobs.ts";
import { jobsListed } from "../state/jobs.ts";
import type { Step } from "../state/timeline.ts";
import { timelineOf } from "../state/timeline.ts";
import { withoutRepeats } from "../state/problem-words.ts";
import { actionWord, shortJob } from "../state/words.ts";
import { Newcomers, useHeld } from "./held-list.tsx";
import { ProblemNote } from "./problem-note.tsx";
import { Id, Text, Time } from "./text.tsx";

const jobsShown = 12;

/** Every dispatch through the door, whoever asked for it, each with its way so far. */
export function JobList({ state }: { state: PanelState }) {
  const [count, setCount] = useState(jobsShown);
  const { jobs, jobsProblem } = state;
  const held = useHeld(jobs, ({ jobId }) => jobId, { shown: count });
  return (
    <section class="card" aria-labelledby="jobs-title" {...held.hold}>
      <header>
        <h2 id="jobs-title">Dispatches</h2>
        <Newcomers held={held} noun={held.waiting === 1 ? "dispatch" : "dispatches"} />
      </header>
      <ol class="rows jobs" aria-label="Dispatches">
        {held.rows.map(({ item }) => (
          <JobRow key={item.jobId} state={state} job={item} newer={newerOf(jobs, item)} />
        ))}
      </ol>
      {jobs.length === 0 && (
        <p class="empty">{state.jobsAt === "" ? "Not read yet." : "Nothing has been dispatched yet."}</p>
      )}
      {jobsProblem && <ProblemNote problem={jobsProblem} />}
      {held.more > 0 && (
        <button type="button" class="quiet" onClick={() => setCount(count + jobsShown * 2)}>
          Older ones
        </button>
      )}
      {held.more === 0 && jobs.length >= jobsListed && (
        <p class="fine">
          Older ones stand in the <a href="#/audit">audit log</a>.
        </p>
      )}
    </section>
  );
}

/** The list is newest first: the next dispatch about the same story stands before it. */
function newerOf(jobs: readonly Job[], { jobId, storyId }: Job): Job | undefined {
  if (storyId === undefined) return undefined;
  const index = jobs.findIndex((job) => job.jobId === jobId);
  return jobs.slice(0, Math.max(0, index)).findLast((job) => job.storyId === storyId);
}

function JobRow({ state, job, newer }: { state: PanelState; job: Job; newer: Job | undefined }) {
  const subject = job.storyId ?? job.planId;
  // Its last words have their place from the beginning: they move nothing when they come.
  const words = wordsOf(job);
  const steps = timelineOf(job, state.heard.get(job.jobId), newer);
  return (
    <li class="row job">
      <div class="job-head">
        <a class="num" href={`#/audit/${job.auditId}`} title={`${job.jobId}: its records`}>
          {shortJob(job.jobId)}
        </a>
        <span class="job-what">
          {actionWord(job.action)} {subject !== undefined && <Id id={subject} />}
        </span>
        <span class="fine job-who">
          <Text text={job.userId ?? job.source} chars={32} />
        </span>
        <span class="fine">
          <Time at={job.createdAt} nowMs={state.nowMs} />
        </span>
      </div>
      <Timeline steps={steps} nowMs={state.nowMs} label={`Way of ${job.jobId}`} />
      <p class="fine job-words">{words !== undefined && <Text text={words} chars={140} />}</p>
    </li>
  );
}

/** Podium's last words about it, or why it went no further. */
function wordsOf({ status, detail, message }: Job): string | undefined {
  if (status === "queued" || status === "pending") return message;
  return detail === undefined ? undefined : withoutRepeats(detail);
}

function Timeline({ steps, nowMs, label }: { steps: readonly Step[]; nowMs: number; label: string }) {
  return (
    <ol class="steps" aria-label={label}>
      {steps.map((step, i) => (
        <li key={i} class={step.state} aria-current={step.state === "now" ? "step" : null}>
          <span class="step-name">{step.name}</span>
          {step.at !== undefined && <Time at={step.at} nowMs={nowMs} />}
          {step.state === "ahead" && <span class="unseen"> (not yet)</span>}
        </li>
      ))}
    </ol>
  );
}
