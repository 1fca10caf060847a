import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Files } from "../runtime/types.ts";
import type { Change, Moved, State, StoryState } from "./state.ts";
import { changed, initialState } from "./state.ts";
import type { Story } from "./story.ts";
import type { StoryStatus } from "./vocabulary.ts";

export interface LedgerOptions {
  readonly files: Files;
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly stories: readonly Story[];
  readonly state: State;
}

/**
 * The one owner of the stories' state, in memory and on disk (temporary file, fsync, rename). Telemetry hangs on it, so
 * no status is announced that a crash could take back, and none changes unannounced.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #stories: Map<string, Story>;
  #state: State;
  #unwritten = false;
  #observe: (moved: readonly Moved[]) => void = () => {};

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#stories = new Map(options.stories.map((story) => [story.storyId, story]));
    this.#state = options.state;
  }

  get state(): State {
    return this.#state;
  }

  get stories(): ReadonlyMap<string, Story> {
    return this.#stories;
  }

  /** True while the disk refuses what memory already knows. */
  get unwritten(): boolean {
    return this.#unwritten;
  }

  /** @param observe called after each change, with what moved; must not throw */
  onChange(observe: (moved: readonly Moved[]) => void): void {
    this.#observe = observe;
  }

  stateOf(story: Story): StoryState {
    return this.#state.stories[story.storyId] ?? initialState(story);
  }

  /** Dependencies that are not done, with how far they are. */
  unmet(story: Story): { storyId: string; status: StoryStatus }[] {
    return story.dependencies
      .map((storyId) => ({ storyId, status: this.#statusOf(storyId) }))
      .filter(({ status }) => status !== "done");
  }

  /** Changes the state on disk, then in memory. Throws when it can't be written: then nothing has changed. */
  commit(change: Change, added: readonly Story[] = []): void {
    const { next, moved } = this.#changed(change, added);
    this.#write(next);
    this.#adopt(next, moved, added);
  }

  /** Takes in a fact that no disk error can undo, such as the end of a process; `flush` repeats a failed write. */
  record(change: Change): void {
    const { next, moved } = this.#changed(change, []);
    this.#adopt(next, moved, []);
    this.#unwritten = true;
    this.flush();
  }

  flush(): void {
    if (!this.#unwritten) return;
    try {
      this.#write(this.#state);
    } catch (error) {
      this.#options.log.error("luno_state_unwritten", { path: this.#options.path, reason: messageOf(error) });
    }
  }

  #statusOf(storyId: string): StoryStatus {
    const story = this.#stories.get(storyId);
    return story ? this.stateOf(story).status : "todo";
  }

  /** A catalogue's own status becomes the state that a first transition starts from. */
  #changed(change: Change, added: readonly Story[]): { next: State; moved: Moved[] } {
    const stories = { ...this.#state.stories };
    for (const { storyId } of change.transitions ?? []) {
      const story = this.#stories.get(storyId);
      if (story && !added.includes(story)) stories[storyId] ??= initialState(story);
    }
    return changed({ ...this.#state, stories }, change, timestampOf(this.#options.clock.now()));
  }

  #write(state: State): void {
    this.#options.files.writeAtomic(this.#options.path, `${JSON.stringify(state, null, 1)}\n`, 0o600);
    this.#unwritten = false;
  }

  #adopt(next: State, moved: readonly Moved[], added: readonly Story[]): void {
    for (const story of added) this.#stories.set(story.storyId, story);
    this.#state = next;
    this.#observe(moved);
  }
}
