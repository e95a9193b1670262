// Official SDKs on routes whose targets speak the other dialect: answers, streams, tools, errors.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startCordon, KEY } from "./cordon.mjs";
import { order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
let cordon;
let openai;
let anthropic;

before(async () => {
  cordon = await startCordon();
  openai = new OpenAI({ baseURL: cordon.gateway, apiKey: KEY, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: cordon.gateway.slice(0, -3), apiKey: KEY, maxRetries: 0 });
});
after(async () => { await cordon?.stop(); });

const chat = (model, content, more = {}) =>
  ({ model, messages: [{ role: "user", content }], ...more });
const ask = (model, content, more = {}) => ({ max_tokens: 1024, ...chat(model, content, more) });
const PARAMETERS = { type: "object", properties: { city: { type: "string" } } };
const FUNCTIONS = ["get_weather", "get_time"].map((name) =>
  ({ type: "function", function: { name, parameters: PARAMETERS } }));
const TOOLS = FUNCTIONS.map((one) => ({ name: one.function.name, input_schema: PARAMETERS }));
const TEXT = "Grüße 😀 \"quoted\" \\ 日本語";

test("translated_openai_whole_answer", LIMIT, async () => {
  const answer = await openai.chat.completions.create(chat("crossed-echo", TEXT));
  assert.equal(answer.choices[0].message.content, TEXT);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.usage.total_tokens > 0);
  assert.equal((await cordon.counts()).messages, 1);
});

test("translated_openai_stream", LIMIT, async () => {
  const stream = openai.chat.completions.stream(
    chat("crossed-echo", TEXT, { stream_options: { include_usage: true } }));
  let deltas = 0;
  stream.on("content", () => { deltas += 1; });
  const answer = await stream.finalChatCompletion();
  assert.equal(answer.choices[0].message.content, TEXT);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.usage.completion_tokens > 0);
  assert.ok(deltas > 1, "it comes in pieces");
});

test("translated_openai_parallel_tools_and_their_results", LIMIT, async () => {
  const first = chat("crossed-echo", "call get_weather and get_time");
  for (const ready of [
    await openai.chat.completions.create({ ...first, tools: FUNCTIONS }),
    await openai.chat.completions.stream({ ...first, tools: FUNCTIONS }).finalChatCompletion(),
  ]) {
    const { message, finish_reason: finish } = ready.choices[0];
    assert.equal(finish, "tool_calls");
    assert.deepEqual(message.tool_calls.map((call) => call.function.name), ["get_weather", "get_time"]);
    for (const call of message.tool_calls) JSON.parse(call.function.arguments);
    const messages = [...first.messages, message, ...message.tool_calls.map((call) =>
      ({ role: "tool", tool_call_id: call.id, content: `result of ${call.function.name}` }))];
    const last = await openai.chat.completions.create({ ...first, messages, tools: FUNCTIONS });
    assert.match(last.choices[0].message.content, /result of get_weather/);
    assert.match(last.choices[0].message.content, /result of get_time/);
  }
});

test("translated_openai_errors", LIMIT, async () => {
  await assert.rejects(openai.chat.completions.create(chat("crossed-echo", "x", { seed: 1 })),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "seed" &&
      error.code === "unsupported_parameter");
  await assert.rejects(openai.chat.completions.create(chat("crossed-context_length", "x")),
    (error) => error instanceof OpenAI.BadRequestError && error.type === "invalid_request_error" &&
      error.message.includes("too long"));
  await assert.rejects(openai.chat.completions.create(chat("crossed-echo", "unspeakable-123")),
    (error) => error instanceof OpenAI.BadRequestError && error.code === "content_filter");
  await assert.rejects(async () => {
    const stream = await openai.chat.completions.create(
      chat("crossed-error_frame", "x", { stream: true }));
    for await (const chunk of stream) assert.ok(chunk.choices);
  }, OpenAI.APIError);
});

test("translated_openai_fallback_after_a_503", LIMIT, async () => {
  const { data, response } =
    await openai.chat.completions.create(chat("crossing-over", "still here")).withResponse();
  assert.equal(data.choices[0].message.content, "still here");
  assert.equal(response.headers.get("x-cordon-served-by"), "other/sim-echo");
});

test("translated_anthropic_whole_answer", LIMIT, async () => {
  const { messages: asked } = await cordon.counts();
  const answer = await anthropic.messages.create(
    ask("back-echo", TEXT, { system: [{ type: "text", text: "Be kind.",
      cache_control: { type: "ephemeral" } }] }));
  assert.equal(answer.content[0].text, TEXT);
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
  assert.equal((await cordon.counts()).messages, asked);
});

test("translated_anthropic_stream", LIMIT, async () => {
  const stream = anthropic.messages.stream(ask("back-echo", TEXT));
  let deltas = 0;
  stream.on("text", () => { deltas += 1; });
  const answer = await stream.finalMessage();
  assert.equal(answer.content[0].text, TEXT);
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0);
  assert.ok(deltas > 1, "it comes in pieces");
});

test("translated_anthropic_parallel_tools_and_their_results", LIMIT, async () => {
  const first = ask("back-echo", "call get_weather and get_time");
  for (const ready of [
    await anthropic.messages.create({ ...first, tools: TOOLS }),
    await anthropic.messages.stream({ ...first, tools: TOOLS }).finalMessage(),
  ]) {
    assert.equal(ready.stop_reason, "tool_use");
    const calls = ready.content.filter((block) => block.type === "tool_use");
    assert.deepEqual(calls.map((call) => call.name), ["get_weather", "get_time"]);
    const messages = [...first.messages, { role: "assistant", content: ready.content },
      { role: "user", content: calls.map((call) =>
        ({ type: "tool_result", tool_use_id: call.id, content: `result of ${call.name}` })) }];
    const last = await anthropic.messages.create({ ...first, messages, tools: TOOLS });
    const text = last.content.map((block) => block.text ?? "").join("");
    assert.match(text, /result of get_weather/);
    assert.match(text, /result of get_time/);
  }
});

test("translated_anthropic_errors", LIMIT, async () => {
  await assert.rejects(anthropic.messages.create(ask("back-echo", "x", { top_k: 1 })),
    (error) => error instanceof Anthropic.BadRequestError && error.error.error.cordon.param === "top_k");
  await assert.rejects(anthropic.messages.create(ask("back-context_length", "x")),
    (error) => error instanceof Anthropic.BadRequestError &&
      error.error.error.type === "invalid_request_error");
  await assert.rejects(async () => {
    const stream = await anthropic.messages.create(
      ask("back-error_frame", "x", { stream: true }));
    for await (const event of stream) assert.ok(event.type);
  }, Anthropic.APIError);
});

test("translated_anthropic_fallback_after_an_overload", LIMIT, async () => {
  const { data, response } =
    await anthropic.messages.create(ask("crossing-back", order({}, "still here"))).withResponse();
  assert.equal(data.content[0].text, "still here");
  assert.equal(response.headers.get("x-cordon-served-by"), "sim/sim-echo");
});
