import { verify } from "/work/main/src/audit/verify.ts";
import { runtime } from "#runtime";
const t=performance.now();
const r=await verify({files:runtime.files,sha256:runtime.sha256,dir:process.argv[2]!});
const ms=performance.now()-t;
console.log(r, ms.toFixed(0)+" ms", (r.bytes/ms/1000).toFixed(0)+" MB/s", (process.memoryUsage().rss/1e6).toFixed(0)+" MB rss");
