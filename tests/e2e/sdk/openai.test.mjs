// The official OpenAI SDK against a running gateway: answers, and errors of the right type.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import OpenAI from "openai";
import { startCordon, KEY } from "./cordon.mjs";

let cordon;
let sent = 0;

function client(overrides = {}) {
  return new OpenAI({
    baseURL: cordon.gateway, apiKey: KEY, maxRetries: 2,
    fetch: (...args) => { sent += 1; return fetch(...args); },
    ...overrides,
  });
}

const ask = (model, content, more = {}) => ({ model, messages: [{ role: "user", content }], ...more });

before(async () => { cordon = await startCordon(); });
after(async () => { await cordon?.stop(); });

test("sdk_whole_answer", async () => {
  const answer = await client().chat.completions.create(ask("plain", "hello"));
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.usage.total_tokens > 0);
});

test("sdk_whole_answer_is_the_providers_own", async () => {
  const direct = new OpenAI({ baseURL: `${cordon.upstream}/v1`, apiKey: "any" });
  const one = await client().chat.completions.create(ask("guarded", "repeat this please"));
  const two = await direct.chat.completions.create(ask("sim-echo", "repeat this please"));
  assert.equal(one.choices[0].message.content, two.choices[0].message.content);
  assert.deepEqual(one.usage, two.usage);
});

test("sdk_streamed_answer", async () => {
  const stream = await client().chat.completions.create(
    ask("plain", "hello", { stream: true, stream_options: { include_usage: true } }));
  let text = "";
  let finish = null;
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  assert.ok(text.length > 0);
  assert.equal(finish, "stop");
  assert.ok(usage.total_tokens > 0);
});

test("sdk_models_are_the_routes", async () => {
  const names = [];
  for await (const model of client().models.list()) names.push(model.id);
  for (const name of ["doomed", "guarded", "plain", "slow"]) assert.ok(names.includes(name), name);
  assert.ok(!names.includes("sim-small"), "a target is no route");
});

test("sdk_wrong_key_is_an_authentication_error", async () => {
  await assert.rejects(client({ apiKey: "nobody" }).chat.completions.create(ask("plain", "hello")),
    (error) => error instanceof OpenAI.AuthenticationError && error.status === 401);
});

test("sdk_unknown_model_is_not_found", async () => {
  await assert.rejects(client().chat.completions.create(ask("nowhere", "hello")),
    (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
});

test("sdk_blocked_request_is_a_bad_request_and_not_retried", async () => {
  sent = 0;
  await assert.rejects(client().chat.completions.create(ask("guarded", "say forbidden-word-123")),
    (error) => error instanceof OpenAI.BadRequestError && error.code === "content_filter" &&
      error.error.cordon.rule_id === "test.forbidden-word");
  assert.equal(sent, 1);
});

test("sdk_blocked_stream_ends_as_content_filter", async () => {
  const before = "some words that may pass. ".repeat(20);
  const body = ask("guarded", `${before} unspeakable-123 and more`);
  const stream = await client().chat.completions.create({ ...body, stream: true });
  let text = "";
  let finish = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  assert.equal(finish, "content_filter");
  assert.ok(text.startsWith("some words that may pass."), text);
  assert.ok(!text.includes("unspeakable-1"), text);
});

test("sdk_killed_stream_throws_and_others_go_on", async () => {
  const doomed = await client().chat.completions.create(ask("slow", "hello", { stream: true }));
  let chunks = 0;
  let killed = null;
  await assert.rejects(async () => {
    for await (const chunk of doomed) {
      chunks += chunk.choices.length;
      if (chunks === 2) {
        killed = cordon.control("POST", "/switches",
          { scope: "route=slow", reason: "test", expires_in: "10m" });
      }
    }
  }, (error) => error instanceof OpenAI.APIError);
  assert.ok(chunks >= 2);
  const answer = await killed;
  assert.equal(answer.status, 201);
  assert.equal(answer.json.receipt.nodes[0].streams_cut, 1);
  const other = await client().chat.completions.create(ask("plain", "hello"));
  assert.ok(other.choices[0].message.content.length > 0);
});

test("sdk_kill_is_a_server_error_and_not_retried", async () => {
  const set = await cordon.control("POST", "/switches",
    { scope: "route=doomed", reason: "test", expires_in: "10m" });
  assert.equal(set.status, 201);
  sent = 0;
  await assert.rejects(client().chat.completions.create(ask("doomed", "hello")),
    (error) => error instanceof OpenAI.InternalServerError && error.status === 503);
  assert.equal(sent, 1);
});
