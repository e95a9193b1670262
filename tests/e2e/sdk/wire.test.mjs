// Bytes that SDKs of either family depend on: Cordon's headers, and its errors key by key.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import { startCordon, KEY } from "./cordon.mjs";
import { order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
const running = {};

before(async () => { running.openai = await startCordon(); });
after(async () => { for (const cordon of Object.values(running)) await cordon.stop(); });

async function post(model, content, { more = {}, headers = {}, key = KEY, body } = {}) {
  const answer = await fetch(`${running.openai.gateway}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: body ?? JSON.stringify({ model, messages: [{ role: "user", content }], ...more }),
  });
  let text = "";
  let whole = true;
  try {
    const decoder = new TextDecoder();
    for await (const piece of answer.body) text += decoder.decode(piece, { stream: true });
  } catch {
    whole = false;
  }
  return { status: answer.status, header: (name) => answer.headers.get(name), text, whole };
}

/** `{"error":{"message","type","param","code"[,"cordon":{}]}}`, in this order and nothing else. */
const OPENAI_ERROR = /^\{"error":\{"message":"(?:[^"\\]|\\.)+","type":"[a-z_]+","param":(?:null|"[^"]+"),"code":"[a-z_]+"(?:,"cordon":\{[^{}]*\})?\}\}$/;

test("wire_answers_say_who_decided_and_who_served", LIMIT, async () => {
  const plain = await post("sim-normal", "hello", { headers: { "x-request-id": "mine-1" } });
  assert.equal(plain.status, 200);
  assert.equal(plain.header("x-request-id"), "mine-1");
  assert.match(plain.header("x-upstream-request-id"), /^req_[0-9a-f]{16}$/);
  assert.match(plain.header("x-cordon-decision-id"), /^[\x21-\x7e]{8,}$/);
  assert.equal(plain.header("x-cordon-mode"), "standard");
  assert.equal(plain.header("x-cordon-served-by"), "sim/sim-normal");
  assert.match(plain.header("x-cordon-overhead-ms"), /^\d+\.\d{3}$/);
  assert.equal(plain.header("x-cordon-policy"), null);
  const guarded = await post("guarded-sim-normal", "hello", { more: { stream: true } });
  assert.match(guarded.header("x-cordon-policy"), /^sdk-tests@[0-9a-f]{12}$/);
  assert.match(guarded.header("content-type"), /^text\/event-stream/);
  assert.notEqual(guarded.header("x-cordon-decision-id"), plain.header("x-cordon-decision-id"));
  assert.ok(guarded.header("x-request-id"));
});

test("wire_every_refusal_has_the_four_keys_of_openais_errors", LIMIT, async () => {
  const cases = [
    ["guarded-sim-normal", "forbidden-word-123", {}, 400, "content_filter"],
    ["sim-normal", "hello", { key: "nobody" }, 401, "invalid_api_key"],
    ["nowhere", "hello", {}, 404, "model_not_found"],
    ["sim-normal", "hello", { body: "{" }, 400, "invalid_json"],
    ["sim-normal", "hello", { body: '{"model":"sim-normal"}' }, 400, "missing_required_parameter"],
    ["sim-normal", "hello", { headers: { "content-type": "text/plain" } }, 415,
      "unsupported_media_type"],
    ["sim-error_429", "hello", {}, 429, "rate_limit_exceeded"],
    ["sim-error_500", "hello", {}, 502, "upstream_error"],
    ["sim-cut", "hello", {}, 502, "upstream_cut"],
    ["sim-malformed", "hello", {}, 502, "upstream_unreadable"],
  ];
  for (const [model, content, how, status, code] of cases) {
    const answer = await post(model, content, how);
    assert.equal(answer.status, status, `${model}: ${answer.text}`);
    assert.match(answer.text, OPENAI_ERROR);
    assert.equal(JSON.parse(answer.text).error.code, code);
    assert.equal(answer.header("content-type"), "application/json");
    assert.ok(answer.header("x-request-id"), model);
  }
});

test("wire_a_blocked_stream_ends_in_finish_usage_and_done", LIMIT, async () => {
  const long = "some words that may pass. ".repeat(400);
  const answer = await post("guarded-sim-echo", `${long} unspeakable-123 tail`,
    { more: { stream: true, stream_options: { include_usage: true } } });
  assert.equal(answer.status, 200);
  assert.ok(answer.whole);
  const frames = answer.text.trimEnd().split("\n\n");
  assert.equal(frames.at(-1), "data: [DONE]");
  assert.match(frames.at(-2), /^data: \{.*"choices":\[\],"usage":.*\}$/);
  assert.match(frames.at(-3), /"delta":\{\},.*"finish_reason":"content_filter"/);
  for (const frame of frames.slice(0, -2)) {
    assert.equal(JSON.parse(frame.slice(6)).usage, null, `asked for, and told last: ${frame}`);
  }
  assert.ok(!answer.text.includes("unspeakable-1"));
});

test("wire_a_cut_stream_ends_in_an_error_frame_and_no_end", LIMIT, async () => {
  for (const scenario of ["cut", "error_frame", "malformed"]) {
    const say = order({ answer: "word ".repeat(8000), chunk_bytes: 64 });
    const answer = await post(`sim-${scenario}`, say, { more: { stream: true } });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(!answer.whole, `${scenario}: the body has its last chunk`);
    assert.ok(!answer.text.includes("[DONE]"), scenario);
    const last = answer.text.trimEnd().split("\n\n").at(-1);
    assert.ok(last.startsWith("data: "), scenario);
    assert.match(last.slice(6), OPENAI_ERROR);
  }
});

test("wire_a_kill_forbids_retries_and_says_when", LIMIT, async () => {
  const set = await running.openai.control("POST", "/switches",
    { scope: "route=doomed", reason: "test", expires_in: "10m" });
  assert.equal(set.status, 201);
  for (const stream of [false, true]) {
    const answer = await post("doomed", "hello", { more: { stream } });
    assert.equal(answer.status, 503);
    assert.equal(answer.header("x-should-retry"), "false");
    assert.match(answer.header("retry-after"), /^\d+$/);
    assert.match(answer.text, OPENAI_ERROR);
    const error = JSON.parse(answer.text).error;
    assert.equal(error.code, "switched_off");
    assert.equal(error.cordon.measure_id, set.json.containment.id);
    assert.equal(answer.header("content-type"), "application/json");
  }
});
