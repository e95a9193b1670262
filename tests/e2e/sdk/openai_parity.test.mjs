// The official OpenAI SDK, straight to the provider and through Cordon: the same, but where
// something is blocked, killed, or goes wrong; and there the right typed error.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { startCordon, KEY } from "./cordon.mjs";
import { DIRECT, PLAIN, same, throwsEverywhere, pieces, order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
let cordon;

const clientAt = (place, more = {}) => new OpenAI({
  baseURL: place === DIRECT ? `${cordon.upstream}/v1` : cordon.gateway, apiKey: KEY,
  maxRetries: 0, ...more,
});
const user = (content) => ({ messages: [{ role: "user", content }] });
const TOOLS = [
  { type: "function", function: { name: "get_weather", description: "Weather. Not forbidden-word-123.",
    parameters: { type: "object", required: ["city"], properties: {
      city: { type: "string" }, days: { type: "integer", minimum: 1, maximum: 7 },
      unit: { type: "string", enum: ["C", "F"] } } } } },
  { type: "function", function: { name: "get_time",
    parameters: { type: "object", properties: { zone: { type: "string" } } } } },
];

before(async () => { cordon = await startCordon(); });
after(async () => { await cordon?.stop(); });

// --- the same -------------------------------------------------------------------------------------

test("openai_whole_answers_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), seed: 1, ...user("hello") }));
  assert.equal(seen.choices[0].finish_reason, "stop");
  assert.ok(seen.choices[0].message.content.length > 300);
});

test("openai_every_choice_of_several_is_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), seed: 2, n: 3, ...user("hello") }));
  assert.equal(seen.choices.length, 3);
});

test("openai_text_of_any_script_is_the_same", LIMIT, async () => {
  const text = "Grüße 😀 \"quoted\" \\ \u2028 日本語 עברית\u0000\n\t</script>";
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-echo"), ...user(text) }));
  assert.equal(seen.choices[0].message.content, text);
});

test("openai_an_answer_cut_at_its_length_says_so", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), seed: 3, max_completion_tokens: 10, ...user("hello") }));
  assert.equal(seen.choices[0].finish_reason, "length");
  assert.equal(seen.usage.completion_tokens, 10);
});

test("openai_content_parts_and_system_messages_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create({
    model: at("sim-echo"),
    messages: [
      { role: "developer", content: "Be kind." },
      { role: "user", content: [{ type: "text", text: "one" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
        { type: "text", text: "two" }] },
    ],
  }));
  assert.equal(seen.choices[0].message.content, "one\ntwo");
});

test("openai_streams_are_the_same_piece_by_piece", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const stream = await client.chat.completions.create(
      { model: at("sim-normal"), seed: 4, stream: true, ...user("hello") });
    const all = await pieces(stream);
    return { pieces: all, text: all.map((one) => one.choices[0].delta.content ?? "").join("") };
  });
  assert.ok(seen.pieces.length > 10);
  assert.equal(seen.pieces.at(-1).choices[0].finish_reason, "stop");
});

test("openai_streamed_usage_comes_last_and_is_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const all = await pieces(await client.chat.completions.create({ model: at("sim-normal"),
      seed: 5, stream: true, stream_options: { include_usage: true }, ...user("hello") }));
    return { pieces: all, usage: all.at(-1).usage, choices: all.at(-1).choices,
      early: all.slice(0, -1).some((one) => one.usage) };
  });
  assert.ok(seen.usage.total_tokens > 0);
  assert.deepEqual(seen.choices, []);
  assert.equal(seen.early, false);
});

test("openai_streamed_choices_of_several_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const stream = client.chat.completions.stream(
      { model: at("sim-normal"), seed: 6, n: 2, ...user("hello") });
    return stream.finalChatCompletion();
  });
  assert.equal(seen.choices.length, 2);
  assert.equal(seen.choices[0].message.content, seen.choices[1].message.content);
});

test("openai_a_tool_call_is_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), seed: 7, tools: TOOLS, tool_choice: "required", ...user("now") }));
  assert.equal(seen.choices[0].finish_reason, "tool_calls");
  assert.equal(seen.choices[0].message.tool_calls.length, 1);
});

test("openai_parallel_tool_calls_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), seed: 8, tools: TOOLS, ...user("get_weather get_time get_weather") }));
  const calls = seen.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name),
    ["get_weather", "get_time", "get_weather"]);
  assert.equal(new Set(calls.map((call) => call.id)).size, 3);
  assert.equal(typeof JSON.parse(calls[0].function.arguments).city, "string");
});

test("openai_streamed_parallel_tool_calls_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const stream = client.chat.completions.stream(
      { model: at("sim-normal"), seed: 9, tools: TOOLS, ...user("get_weather get_time") });
    const all = [];
    stream.on("chunk", (chunk) => all.push(JSON.parse(JSON.stringify(chunk))));
    const final = await stream.finalChatCompletion();
    return { pieces: all, final };
  });
  assert.equal(seen.final.choices[0].message.tool_calls.length, 2);
  assert.ok(seen.pieces.length > 6);
});

test("openai_a_tool_loop_runs_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: at("sim-echo"), seed: 10, ...user("get_weather in Rome"),
      tools: [{ type: "function", function: { ...TOOLS[0].function, parse: JSON.parse,
        function: (args) => { asked.push(args); return `sunny in ${args.city.slice(-4)}`; } } }],
    });
    const content = await runner.finalContent();
    return { asked, content, messages: runner.messages };
  });
  assert.equal(seen.asked.length, 1);
  assert.equal(seen.content, "sunny in Rome");
  assert.deepEqual(seen.messages.map((one) => one.role), ["user", "assistant", "tool", "assistant"]);
});

test("openai_reasoning_and_unknown_fields_pass", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), ...user(order({ reasoning: "First, then.", answer: "So." })) }));
  assert.equal(seen.choices[0].message.reasoning_content, "First, then.");
  assert.equal(seen.system_fingerprint, "fp_sim");
});

// --- the provider says no, or breaks --------------------------------------------------------------

test("openai_a_bad_request_is_the_same_error", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-normal"), ...user("hello"), tools: [{ type: "function", function: {} }] }),
  (seen, place) => {
    assert.ok(seen.failed instanceof OpenAI.BadRequestError, place);
    assert.equal(seen.param, "tools[0].function.name", place);
    assert.equal(seen.code, "missing_required_parameter", place);
    assert.equal(seen.error.message, "'tools[0].function.name': is required.", place);
  });
});

test("openai_429_is_a_rate_limit_error_that_says_when", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-error_429"), ...user("hello") }), (seen, place) => {
    assert.ok(seen.failed instanceof OpenAI.RateLimitError, place);
    assert.equal(seen.code, "rate_limit_exceeded", place);
    assert.equal(seen.failed.headers.get("retry-after"), "1", place);
    assert.notEqual(seen.failed.headers.get("x-should-retry"), "false", place);
  });
});

test("openai_429_once_is_retried_and_answered", LIMIT, async () => {
  for (const place of [DIRECT, PLAIN]) {
    const say = order({ scenario: "error_429", times: 1, retry_after_s: 0, answer: "At last." }, place);
    const answer = await clientAt(place, { maxRetries: 2 }).chat.completions.create(
      { model: "sim-normal", ...user(say) });
    assert.equal(answer.choices[0].message.content, "At last.", place);
  }
});

for (const [scenario, what] of [["error_500", "an_internal_error"], ["overloaded", "an_overload"]]) {
  test(`openai_${what}_is_a_server_error`, LIMIT, async () => {
    await throwsEverywhere(clientAt, (client, at) => client.chat.completions.create(
      { model: at(`sim-${scenario}`), ...user("hello") }), (seen, place) => {
      assert.ok(seen.failed instanceof OpenAI.InternalServerError, `${place}: ${seen.failed}`);
      assert.equal(typeof seen.error.message, "string", place);
    });
  });
}

test("openai_the_providers_401_is_not_the_callers", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.chat.completions.create(
    { model: at("sim-error_401"), ...user("hello") }), (seen, place) => {
    const expected = place === DIRECT ? OpenAI.AuthenticationError : OpenAI.InternalServerError;
    assert.ok(seen.failed instanceof expected, `${place}: ${seen.failed}`);
  });
});

// Half an answer must never look whole (Portkey-AI/gateway#1797).
for (const scenario of ["cut", "error_frame", "malformed"]) {
  test(`openai_a_stream_that_ends_in_${scenario}_throws`, LIMIT, async () => {
    await throwsEverywhere(clientAt, async (client, at) => {
      const stream = await client.chat.completions.create(
        { model: at(`sim-${scenario}`), stream: true, ...user("hello") });
      return pieces(stream);
    }, (seen, place) => {
      if (place === DIRECT) return;
      assert.ok(seen.failed instanceof OpenAI.APIError, `${place}: ${seen.failed}`);
    });
  });
}

for (const scenario of ["cut", "malformed"]) {
  test(`openai_a_whole_answer_that_is_${scenario}_throws`, LIMIT, async () => {
    await throwsEverywhere(clientAt, (client, at) => client.chat.completions.create(
      { model: at(`sim-${scenario}`), ...user("hello") }), (seen, place) => {
      if (place === DIRECT) return;
      assert.ok(seen.failed instanceof OpenAI.InternalServerError, `${place}: ${seen.failed}`);
      assert.equal(seen.status, 502, place);
    });
  });
}

test("openai_silence_is_a_time_out", LIMIT, async () => {
  const impatient = (place) => clientAt(place, { timeout: 700 });
  await throwsEverywhere(impatient, (client, at) => client.chat.completions.create(
    { model: at("sim-stall"), ...user("hello") }), (seen, place) => {
    assert.ok(seen.failed instanceof OpenAI.APIConnectionTimeoutError, `${place}: ${seen.failed}`);
  });
});

test("openai_a_caller_who_leaves_ends_the_providers_work", LIMIT, async () => {
  const before = (await cordon.counts()).client_gone;
  const stream = await clientAt("cordon").chat.completions.create({ model: "sim-slow", stream: true,
    ...user(order({ answer: "word ".repeat(2000), chunk_delay_ms: 50, chunk_bytes: 8 })) });
  for await (const piece of stream) {
    if (piece.choices[0].delta.content) break;
  }
  for (let i = 0; i < 400; ++i) {
    if ((await cordon.counts()).client_gone > before) return;
    await sleep(25);
  }
  assert.fail("the provider still writes");
});

// --- Cordon says no -------------------------------------------------------------------------------

const blocked = (error) => error instanceof OpenAI.BadRequestError && error.status === 400 &&
  error.code === "content_filter" && error.error.cordon.rule_id !== undefined;

test("openai_a_blocked_request_never_reaches_the_provider", LIMIT, async () => {
  const before = (await cordon.counts()).completions;
  const client = clientAt("cordon", { maxRetries: 2 });
  for (const stream of [false, true]) {
    await assert.rejects(client.chat.completions.create(
      { model: "guarded-sim-normal", stream, ...user("say forbidden-word-123") }), blocked);
  }
  assert.equal((await cordon.counts()).completions, before);
});

test("openai_a_tools_definition_is_not_what_the_user_said", LIMIT, async () => {
  assert.match(TOOLS[0].function.description, /forbidden-word-123/);
  const answer = await clientAt("cordon").chat.completions.create(
    { model: "guarded-sim-normal", tools: TOOLS, ...user("hello") });
  assert.equal(answer.choices[0].finish_reason, "stop");
});

test("openai_a_blocked_tool_call_reaches_nobody_whole_or_streamed", LIMIT, async () => {
  const client = clientAt("cordon", { maxRetries: 2 });
  const body = { model: "guarded-sim-echo", tools: TOOLS,
    ...user("get_weather in unspeakable-123") };
  const before = (await cordon.counts()).completions;
  await assert.rejects(client.chat.completions.create(body), blocked);
  const seen = [];
  try {
    const stream = await client.chat.completions.create({ ...body, stream: true });
    for await (const piece of stream) seen.push(piece);
    assert.equal(seen.at(-1).choices[0].finish_reason, "content_filter");
  } catch (error) {
    assert.ok(blocked(error), String(error));
  }
  const got = seen.map((piece) => piece.choices[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? "");
  assert.ok(!got.join("").includes("unspeakable-1"), got.join(""));
  assert.equal((await cordon.counts()).completions, before + 2);
});

// LiteLLM and others: a kill that SDKs retry multiplies the load it should end.
test("openai_a_kill_is_one_request_and_one_typed_error", LIMIT, async () => {
  const stream = await clientAt("cordon", { maxRetries: 2 }).chat.completions.create(
    { model: "sim-slow", stream: true, ...user(order({ answer: "word ".repeat(4000) })) });
  const before = (await cordon.counts()).completions;
  let set = null;
  await assert.rejects(async () => {
    for await (const piece of stream) {
      if (piece.choices[0].delta.content && set === null) {
        set = cordon.control("POST", "/switches",
          { scope: "route=sim-slow", reason: "test", expires_in: "10m" });
      }
    }
  }, (error) => error instanceof OpenAI.APIError && error.code === "switched_off");
  assert.equal((await set).json.receipt.nodes[0].streams_cut, 1);
  let sent = 0;
  const client = clientAt("cordon", { maxRetries: 3,
    fetch: (...args) => { sent += 1; return fetch(...args); } });
  for (const stream of [false, true]) {
    await assert.rejects(client.chat.completions.create(
      { model: "sim-slow", stream, ...user("hello") }),
    (error) => error instanceof OpenAI.InternalServerError && error.status === 503 &&
      error.code === "switched_off");
  }
  assert.equal(sent, 2);
  assert.equal((await cordon.counts()).completions, before);
});
