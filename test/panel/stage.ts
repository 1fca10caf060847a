import { afterAll, afterEach, beforeAll } from "bun:test";
import { PodiumStub } from "../e2e/podium-stub.ts";
import type { Screen } from "./browser.ts";
import type { Server } from "./servers.ts";
import { gatewayServer } from "./servers.ts";

export interface Stage {
  readonly podium: PodiumStub;
  readonly gateway: Server;
}

/** A Podium and a gateway for the tests of one file; each test finds Podium as new, and no page of another's. */
export function useStage(screen: Screen): Stage {
  let podium: PodiumStub;
  let gateway: Server;
  beforeAll(async () => {
    podium = await PodiumStub.start();
    gateway = await gatewayServer(podium.url).start();
  });
  afterEach(async () => {
    await screen.closeContexts();
    podium.reset();
  });
  afterAll(async () => {
    await gateway?.kill();
    await podium?.down();
  });
  return {
    get podium() {
      return podium;
    },
    get gateway() {
      return gateway;
    },
  };
}
