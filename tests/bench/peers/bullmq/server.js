// Fastify and BullMQ: one `add` for a single event, one `addBulk` for several.
// PORT, REDIS_URL, WEBHOOK_USERNAME, WEBHOOK_PASSWORD and PROCESSES come from the environment.

import cluster from "node:cluster";
import { timingSafeEqual } from "node:crypto";
import { Queue } from "bullmq";
import Fastify from "fastify";
import { Redis } from "ioredis";

const { PORT, REDIS_URL, WEBHOOK_USERNAME, WEBHOOK_PASSWORD, PROCESSES } = process.env;
const expected = Buffer.from(
  "Basic " + Buffer.from(`${WEBHOOK_USERNAME}:${WEBHOOK_PASSWORD}`).toString("base64"),
);

function isAuthorized(header = "") {
  const given = Buffer.from(header);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function serve() {
  const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null });
  const queue = new Queue("sale", { connection });
  const server = Fastify({ bodyLimit: 10 * 1024 * 1024 });

  server.addHook("onRequest", async (request, reply) => {
    if (!isAuthorized(request.headers.authorization)) {
      return reply.code(401).send({ error: "credentials" });
    }
  });

  server.post("/webhooks/ultracart", async (request) => {
    const { events } = request.body;
    if (events.length === 1) {
      await queue.add("deliver", events[0]);
    } else {
      await queue.addBulk(events.map((data) => ({ name: "deliver", data })));
    }
    return { accepted: events.length };
  });

  server.listen({ host: "127.0.0.1", port: Number(PORT) });
}

if (cluster.isPrimary && Number(PROCESSES) > 1) {
  for (let n = 0; n < Number(PROCESSES); n += 1) cluster.fork();
} else {
  serve();
}
