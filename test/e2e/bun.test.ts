import { bunLauncher } from "./launcher.ts";
import { launcherSuites } from "./scene.ts";
import { suites } from "./suites.ts";

launcherSuites(bunLauncher, suites);
