// The official Anthropic SDK, straight to the provider and through Cordon: the same, but where
// something is blocked, killed, or goes wrong; and there the right typed error.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { startCordon, KEY } from "./cordon.mjs";
import { DIRECT, PLAIN, same, throwsEverywhere, pieces, order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
let cordon;

const clientAt = (place, more = {}) => new Anthropic({
  baseURL: place === DIRECT ? cordon.upstream : cordon.gateway.slice(0, -3), apiKey: KEY,
  maxRetries: 0, ...more,
});
const ask = (content, more = {}) =>
  ({ max_tokens: 1024, messages: [{ role: "user", content }], ...more });
const seeded = (seed, text = "hello") => order({ seed }, text);
const TOOLS = [
  { name: "get_weather", description: "Weather. Not forbidden-word-123.",
    input_schema: { type: "object", properties: { city: { type: "string" },
      days: { type: "integer", minimum: 1, maximum: 7 }, unit: { enum: ["C", "F"] } } } },
  { name: "get_time", input_schema: { type: "object", properties: { zone: { type: "string" } } } },
];

before(async () => { cordon = await startCordon({ dialect: "anthropic" }); });
after(async () => { await cordon?.stop(); });

// --- the same -------------------------------------------------------------------------------------

test("anthropic_whole_answers_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.messages.create(
    { model: at("sim-normal"), ...ask(seeded(1)) }));
  assert.equal(seen.stop_reason, "end_turn");
  assert.ok(seen.content[0].text.length > 300);
  assert.ok(seen.usage.output_tokens > 100);
});

test("anthropic_blocks_system_and_any_script_are_the_same", LIMIT, async () => {
  const text = "Grüße 😀 \"quoted\" \\ \u2028 日本語\u0000\n</script>";
  const seen = await same(clientAt, (client, at) => client.messages.create({
    model: at("sim-echo"), system: [{ type: "text", text: "Be kind." }],
    ...ask([{ type: "text", text: "one" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
      { type: "text", text }]) }));
  assert.equal(seen.content[0].text, `one\n${text}`);
});

test("anthropic_an_answer_cut_at_its_length_says_so", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.messages.create(
    { model: at("sim-normal"), ...ask(seeded(2)), max_tokens: 10 }));
  assert.equal(seen.stop_reason, "max_tokens");
  assert.equal(seen.usage.output_tokens, 10);
});

test("anthropic_streams_are_the_same_event_by_event", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const all = await pieces(await client.messages.create(
      { model: at("sim-normal"), stream: true, ...ask(seeded(3)) }));
    const text = all.map((one) => one.delta?.text ?? "").join("");
    return { pieces: all, text, usage: all.find((one) => one.type === "message_delta").usage };
  });
  assert.equal(seen.pieces[0].type, "message_start");
  assert.equal(seen.pieces.at(-1).type, "message_stop");
  assert.ok(seen.pieces.length > 10);
});

test("anthropic_a_streamed_message_adds_up_to_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.messages.stream(
    { model: at("sim-normal"), ...ask(seeded(4)) }).finalMessage());
  assert.equal(seen.stop_reason, "end_turn");
});

test("anthropic_a_tool_use_is_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.messages.create(
    { model: at("sim-normal"), tools: TOOLS, tool_choice: { type: "tool", name: "get_time" },
      ...ask(seeded(5)) }));
  assert.equal(seen.stop_reason, "tool_use");
  assert.equal(typeof seen.content.at(-1).input.zone, "string");
});

test("anthropic_parallel_tool_uses_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, (client, at) => client.messages.create(
    { model: at("sim-normal"), tools: TOOLS, ...ask(seeded(6, "get_weather get_time get_weather")) }));
  assert.deepEqual(seen.content.slice(1).map((block) => block.name),
    ["get_weather", "get_time", "get_weather"]);
  assert.equal(new Set(seen.content.slice(1).map((block) => block.id)).size, 3);
});

test("anthropic_streamed_parallel_tool_uses_are_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const stream = client.messages.stream(
      { model: at("sim-normal"), tools: TOOLS, ...ask(seeded(7, "get_weather get_time")) });
    const all = [];
    stream.on("streamEvent", (event) => all.push(JSON.parse(JSON.stringify(event))));
    const final = await stream.finalMessage();
    return { pieces: all, final };
  });
  assert.equal(seen.final.content.length, 3);
  assert.ok(seen.pieces.some((event) => event.delta?.type === "input_json_delta"));
});

// LiteLLM#31461: a guardrail that stumbles over tools the provider runs fails every request with them.
for (const streamed of [false, true]) {
  test(`anthropic_tools_that_the_provider_runs_pass_${streamed ? "streamed" : "whole"}`, LIMIT, async () => {
    const seen = await same(clientAt, (client, at) => {
      const body = { model: at("sim-normal"), ...ask(seeded(11)), tools: [...TOOLS,
        { type: "web_search_20250305", name: "web_search", max_uses: 1 },
        { type: "code_execution_20250522", name: "code_execution" },
        { type: "bash_20250124", name: "bash" }] };
      return streamed ? client.messages.stream(body).finalMessage() : client.messages.create(body);
    });
    assert.equal(seen.stop_reason, "end_turn");
  });
}

test("anthropic_tool_results_come_back_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const body = { model: at("sim-echo"), tools: TOOLS, ...ask(seeded(8, "get_time get_weather")) };
    const first = await client.messages.create(body);
    const results = first.content.filter((block) => block.type === "tool_use").map((block, i) =>
      ({ type: "tool_result", tool_use_id: block.id,
        content: i === 0 ? "noon" : [{ type: "text", text: "sunny" }] }));
    const second = await client.messages.create({ ...body, messages: [...body.messages,
      { role: "assistant", content: first.content }, { role: "user", content: results }] });
    return { first, second };
  });
  assert.equal(seen.second.content[0].text, "noon\nsunny");
});

// The provider signs its thinking; one byte changed on the way and it refuses the next turn.
for (const streamed of [false, true]) {
  test(`anthropic_signed_thinking_${streamed ? "streamed_" : ""}comes_back_unharmed`, LIMIT, async () => {
    const seen = await same(clientAt, async (client, at) => {
      const body = { model: at("sim-normal"), thinking: { type: "enabled", budget_tokens: 1024 },
        ...ask(seeded(9)), max_tokens: 2048 };
      const first = streamed ? await client.messages.stream(body).finalMessage()
        : await client.messages.create(body);
      const next = { ...body, messages: [...body.messages,
        { role: "assistant", content: first.content }, { role: "user", content: seeded(10) }] };
      return { first, second: await client.messages.create(next) };
    });
    assert.equal(seen.first.content[0].type, "thinking");
    assert.ok(seen.first.content[0].signature.length > 10);
    assert.equal(seen.second.stop_reason, "end_turn");
  });
}

test("anthropic_changed_thinking_is_refused_by_the_provider", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.messages.create({ model: at("sim-normal"),
    ...ask("a"), messages: [{ role: "user", content: "a" }, { role: "assistant", content: [
      { type: "thinking", thinking: "forged", signature: "c2ln" }] }, { role: "user", content: "b" }] }),
  (seen, place) => {
    assert.ok(seen.failed instanceof Anthropic.BadRequestError, `${place}: ${seen.failed}`);
    assert.match(seen.error.error.message, /invalid `signature`/, place);
  });
});

// --- the provider says no, or breaks --------------------------------------------------------------

test("anthropic_a_bad_request_is_the_same_error", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.messages.create({ model: at("sim-normal"),
    tools: TOOLS, tool_choice: { type: "tool", name: "no_such_tool" }, ...ask("hello") }),
  (seen, place) => {
    assert.ok(seen.failed instanceof Anthropic.BadRequestError, `${place}: ${seen.failed}`);
    assert.equal(seen.error.type, "error", place);
    assert.equal(seen.error.error.type, "invalid_request_error", place);
    assert.match(seen.error.error.message, /^tool_choice: names a tool that is not in tools/, place);
  });
});

test("anthropic_429_is_a_rate_limit_error_that_says_when", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.messages.create(
    { model: at("sim-error_429"), ...ask("hello") }), (seen, place) => {
    assert.ok(seen.failed instanceof Anthropic.RateLimitError, `${place}: ${seen.failed}`);
    assert.equal(seen.error.error.type, "rate_limit_error", place);
    assert.equal(seen.failed.headers.get("retry-after"), "1", place);
    assert.notEqual(seen.failed.headers.get("x-should-retry"), "false", place);
  });
});

test("anthropic_429_once_is_retried_and_answered", LIMIT, async () => {
  for (const place of [DIRECT, PLAIN]) {
    const say = order({ scenario: "error_429", times: 1, retry_after_s: 0, answer: "At last." }, place);
    const answer = await clientAt(place, { maxRetries: 2 }).messages.create(
      { model: "sim-normal", ...ask(say) });
    assert.equal(answer.content[0].text, "At last.", place);
  }
});

for (const scenario of ["error_500", "overloaded"]) {
  test(`anthropic_${scenario}_is_a_server_error`, LIMIT, async () => {
    await throwsEverywhere(clientAt, (client, at) => client.messages.create(
      { model: at(`sim-${scenario}`), ...ask("hello") }), (seen, place) => {
      assert.ok(seen.status >= 500, `${place}: ${seen.failed}`);
      assert.ok(seen.failed instanceof Anthropic.APIError, place);
      assert.equal(seen.error.type, "error", place);
      assert.equal(typeof seen.error.error.message, "string", place);
    });
  });
}

test("anthropic_the_providers_401_is_not_the_callers", LIMIT, async () => {
  await throwsEverywhere(clientAt, (client, at) => client.messages.create(
    { model: at("sim-error_401"), ...ask("hello") }), (seen, place) => {
    const expected = place === DIRECT ? Anthropic.AuthenticationError : Anthropic.InternalServerError;
    assert.ok(seen.failed instanceof expected, `${place}: ${seen.failed}`);
  });
});

for (const scenario of ["cut", "error_frame", "malformed"]) {
  test(`anthropic_a_stream_that_ends_in_${scenario}_throws`, LIMIT, async () => {
    await throwsEverywhere(clientAt, (client, at) => client.messages.stream(
      { model: at(`sim-${scenario}`), ...ask("hello") }).finalMessage(), (seen, place) => {
      if (place === DIRECT) return;
      assert.ok(seen.failed instanceof Anthropic.APIError, `${place}: ${seen.failed}`);
    });
  });
}

for (const scenario of ["cut", "malformed"]) {
  test(`anthropic_a_whole_answer_that_is_${scenario}_throws`, LIMIT, async () => {
    await throwsEverywhere(clientAt, (client, at) => client.messages.create(
      { model: at(`sim-${scenario}`), ...ask("hello") }), (seen, place) => {
      if (place === DIRECT) return;
      assert.ok(seen.failed instanceof Anthropic.InternalServerError, `${place}: ${seen.failed}`);
      assert.equal(seen.error.error.type, "api_error", place);
    });
  });
}

// --- Cordon says no -------------------------------------------------------------------------------

const blocked = (error) => error instanceof Anthropic.BadRequestError && error.status === 400 &&
  error.error.type === "error" && error.error.error.type === "invalid_request_error" &&
  error.error.error.cordon.rule_id !== undefined;

test("anthropic_wrong_key_and_unknown_model_are_typed_errors", LIMIT, async () => {
  await assert.rejects(clientAt(PLAIN, { apiKey: "nobody" }).messages.create(
    { model: "sim-normal", ...ask("hello") }),
  (error) => error instanceof Anthropic.AuthenticationError && error.type === "authentication_error");
  await assert.rejects(clientAt(PLAIN).messages.create({ model: "nowhere", ...ask("hello") }),
    (error) => error instanceof Anthropic.NotFoundError && error.type === "not_found_error");
});

test("anthropic_a_blocked_request_never_reaches_the_provider", LIMIT, async () => {
  const before = (await cordon.counts()).completions;
  const client = clientAt(PLAIN, { maxRetries: 2 });
  for (const stream of [false, true]) {
    await assert.rejects(client.messages.create(
      { model: "guarded-sim-normal", stream, ...ask("say forbidden-word-123") }), blocked);
  }
  assert.equal((await cordon.counts()).completions, before);
});

test("anthropic_a_tools_definition_is_not_what_the_user_said", LIMIT, async () => {
  assert.match(TOOLS[0].description, /forbidden-word-123/);
  const answer = await clientAt(PLAIN).messages.create(
    { model: "guarded-sim-normal", tools: TOOLS, ...ask("hello") });
  assert.equal(answer.stop_reason, "end_turn");
});

// LiteLLM#35257 logged success here and let it pass.
test("anthropic_a_blocked_answer_is_a_bad_request_or_ends_as_a_refusal", LIMIT, async () => {
  const client = clientAt(PLAIN, { maxRetries: 2 });
  const say = (before) => ({ model: "guarded-sim-echo", ...ask(`${before} unspeakable-123 and more`) });
  await assert.rejects(client.messages.create(say("short")), blocked);
  const message = await client.messages.stream(say("some words that may pass. ".repeat(20)))
    .finalMessage();
  assert.equal(message.stop_reason, "refusal");
  assert.ok(message.content[0].text.startsWith("some words that may pass."));
  assert.ok(!message.content[0].text.includes("unspeakable-1"), message.content[0].text);
});

test("anthropic_a_blocked_tool_use_reaches_nobody_whole_or_streamed", LIMIT, async () => {
  const client = clientAt(PLAIN, { maxRetries: 2 });
  const body = { model: "guarded-sim-echo", tools: TOOLS, ...ask("get_weather in unspeakable-123") };
  const before = (await cordon.counts()).completions;
  await assert.rejects(client.messages.create(body), blocked);
  const seen = [];
  try {
    for await (const event of await client.messages.create({ ...body, stream: true })) seen.push(event);
    assert.equal(seen.find((event) => event.type === "message_delta").delta.stop_reason, "refusal");
  } catch (error) {
    assert.ok(blocked(error), String(error));
  }
  const got = seen.map((event) => event.delta?.partial_json ?? "").join("");
  assert.ok(!got.includes("unspeakable-1"), got);
  assert.equal((await cordon.counts()).completions, before + 2);
});

test("anthropic_a_kill_is_one_request_and_one_typed_error", LIMIT, async () => {
  const stream = await clientAt(PLAIN, { maxRetries: 2 }).messages.create({ model: "sim-slow",
    stream: true, ...ask(order({ answer: "word ".repeat(4000) })) });
  const before = (await cordon.counts()).completions;
  let set = null;
  await assert.rejects(async () => {
    for await (const event of stream) {
      if (event.type === "content_block_delta" && set === null) {
        set = cordon.control("POST", "/switches",
          { scope: "route=sim-slow", reason: "test", expires_in: "10m" });
      }
    }
  }, (error) => error instanceof Anthropic.APIError && error.type === "api_error");
  assert.equal((await set).json.receipt.nodes[0].streams_cut, 1);
  let sent = 0;
  const client = clientAt(PLAIN, { maxRetries: 3,
    fetch: (...args) => { sent += 1; return fetch(...args); } });
  for (const streamed of [false, true]) {
    await assert.rejects(client.messages.create(
      { model: "sim-slow", stream: streamed, ...ask("hello") }),
    (error) => error instanceof Anthropic.InternalServerError && error.status === 503 &&
      error.type === "api_error");
  }
  assert.equal(sent, 2);
  assert.equal((await cordon.counts()).completions, before);
});
