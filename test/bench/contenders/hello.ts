/** The least program that answers: what a compiled executable costs by itself. */
Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv[2]), fetch: () => Response.json({ success: true }) });
