// The smaller surfaces through the official SDKs: token counts, completions, embeddings, and the
// moderations that Cordon answers itself.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
import { startCordon, KEY } from "./cordon.mjs";
import { DIRECT, PLAIN, GUARDED, same, throwsEverywhere, pieces, order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
const running = {};

const openaiAt = (place, more = {}) => new OpenAI({
  baseURL: place === DIRECT ? `${running.openai.upstream}/v1` : running.openai.gateway, apiKey: KEY,
  maxRetries: 0, ...more,
});
const anthropicAt = (place, more = {}) => new Anthropic({
  baseURL: place === DIRECT ? running.anthropic.upstream : running.anthropic.gateway.slice(0, -3),
  apiKey: KEY, maxRetries: 0, ...more,
});
const user = (content) => ({ messages: [{ role: "user", content }] });
const blocked = (error) => error instanceof OpenAI.BadRequestError && error.status === 400 &&
  error.code === "content_filter" && error.error.cordon.rule_id !== undefined;

before(async () => {
  running.openai = await startCordon();
  running.anthropic = await startCordon({ dialect: "anthropic" });
});
after(async () => { for (const cordon of Object.values(running)) await cordon.stop(); });

// --- token counts ---------------------------------------------------------------------------------

test("count_tokens_is_the_same", LIMIT, async () => {
  const seen = await same(anthropicAt, (client, at) => client.messages.countTokens({
    model: at("sim-normal"), system: "Be kind.", ...user("hello there"),
    tools: [{ name: "get_time", input_schema: { type: "object" } }] }));
  assert.ok(seen.input_tokens > 3);
});

test("count_tokens_obeys_the_rules_and_the_errors_are_typed", LIMIT, async () => {
  const before = (await running.anthropic.counts()).completions;
  await assert.rejects(anthropicAt(GUARDED).messages.countTokens(
    { model: "guarded-sim-normal", ...user("say forbidden-word-123") }),
  (error) => error instanceof Anthropic.BadRequestError &&
    error.error.error.cordon.rule_id === "test.forbidden-word");
  assert.equal((await running.anthropic.counts()).completions, before);
  await throwsEverywhere(anthropicAt, (client, at) => client.messages.countTokens(
    { model: at("sim-error_429"), ...user("hello") }), (seen, place) => {
    assert.ok(seen.failed instanceof Anthropic.RateLimitError, `${place}: ${seen.failed}`);
  });
  await throwsEverywhere(anthropicAt, (client, at) => client.messages.countTokens(
    { model: at("sim-normal"), messages: "hello" }), (seen, place) => {
    assert.ok(seen.failed instanceof Anthropic.BadRequestError, `${place}: ${seen.failed}`);
  });
});

// --- embeddings -----------------------------------------------------------------------------------

for (const [name, input] of [["one_text", "hello"], ["several_texts", ["one", "two", "three"]]]) {
  for (const format of [undefined, "float", "base64"]) {
    test(`embeddings_of_${name}_as_${format ?? "usual"}_are_the_same`, LIMIT, async () => {
      const seen = await same(openaiAt, (client, at) => client.embeddings.create(
        { model: at("sim-normal"), input, dimensions: 8, encoding_format: format }));
      assert.equal(seen.data.length, Array.isArray(input) ? input.length : 1);
      if (format !== "base64") assert.equal(seen.data[0].embedding.length, 8);
      assert.ok(seen.usage.prompt_tokens > 0);
    });
  }
}

test("embeddings_obey_the_rules", LIMIT, async () => {
  const before = (await running.openai.counts()).completions;
  const client = openaiAt(GUARDED, { maxRetries: 2 });
  for (const input of ["say forbidden-word-123", ["fine", "say forbidden-word-123"]]) {
    await assert.rejects(client.embeddings.create({ model: "guarded-sim-normal", input }), blocked);
  }
  await assert.rejects(client.embeddings.create({ model: "guarded-sim-normal", input: [1, 2, 3] }),
    (error) => error instanceof OpenAI.BadRequestError && error.code === "uninspectable_content" &&
      error.param === "input");
  assert.equal((await running.openai.counts()).completions, before);
  const plain = await openaiAt(PLAIN).embeddings.create({ model: "sim-normal", input: [1, 2, 3] });
  assert.equal(plain.data.length, 1);
});

test("embeddings_fail_as_the_provider_does", LIMIT, async () => {
  await throwsEverywhere(openaiAt, (client, at) => client.embeddings.create(
    { model: at("sim-normal"), input: "x", dimensions: 5000 }), (seen, place) => {
    assert.ok(seen.failed instanceof OpenAI.BadRequestError, `${place}: ${seen.failed}`);
    assert.equal(seen.param, "dimensions", place);
  });
  await throwsEverywhere(openaiAt, (client, at) => client.embeddings.create(
    { model: at("sim-error_500"), input: "x" }), (seen, place) => {
    assert.ok(seen.failed instanceof OpenAI.InternalServerError, `${place}: ${seen.failed}`);
  });
  await throwsEverywhere(openaiAt, (client, at) => client.embeddings.create(
    { model: at("sim-cut"), input: "x" }), (seen, place) => {
    if (place !== DIRECT) assert.equal(seen.code, "upstream_cut", place);
  });
});

// --- completions ----------------------------------------------------------------------------------

test("completions_are_the_same", LIMIT, async () => {
  const seen = await same(openaiAt, (client, at) => client.completions.create(
    { model: at("sim-normal"), prompt: "Once upon", seed: 11, n: 2, max_tokens: 12 }));
  assert.equal(seen.choices.length, 2);
  assert.equal(seen.choices[0].finish_reason, "length");
  assert.equal(typeof seen.choices[0].text, "string");
});

test("completions_of_several_prompts_are_the_same", LIMIT, async () => {
  const seen = await same(openaiAt, (client, at) => client.completions.create(
    { model: at("sim-echo"), prompt: ["one", "two"], suffix: "end" }));
  assert.equal(seen.choices.length, 2);
});

test("streamed_completions_are_the_same_piece_by_piece", LIMIT, async () => {
  const seen = await same(openaiAt, async (client, at) => {
    const all = await pieces(await client.completions.create({ model: at("sim-normal"),
      prompt: "Once upon", seed: 12, stream: true, stream_options: { include_usage: true } }));
    return { pieces: all, usage: all.at(-1).usage,
      text: all.map((one) => one.choices[0]?.text ?? "").join("") };
  });
  assert.ok(seen.pieces.length > 10);
  assert.ok(seen.text.length > 300);
  assert.ok(seen.usage.total_tokens > 0);
});

test("completions_obey_the_rules_whole_and_streamed", LIMIT, async () => {
  const client = openaiAt(GUARDED, { maxRetries: 2 });
  for (const stream of [false, true]) {
    await assert.rejects(client.completions.create(
      { model: "guarded-sim-normal", prompt: "say forbidden-word-123", stream }), blocked);
  }
  await assert.rejects(client.completions.create(
    { model: "guarded-sim-echo", prompt: "say unspeakable-123" }), blocked);
  const stream = await client.completions.create({ model: "guarded-sim-echo", stream: true,
    prompt: `${"some words that may pass. ".repeat(20)} unspeakable-123 and more` });
  let text = "";
  let finish = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.text ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  assert.equal(finish, "content_filter");
  assert.ok(text.startsWith("some words that may pass."), text);
  assert.ok(!text.includes("unspeakable-1"), text);
});

for (const scenario of ["cut", "error_frame", "malformed"]) {
  test(`a_streamed_completion_that_ends_in_${scenario}_throws`, LIMIT, async () => {
    await throwsEverywhere(openaiAt, async (client, at) => pieces(await client.completions.create(
      { model: at(`sim-${scenario}`), prompt: "hello", stream: true })), (seen, place) => {
      if (place === DIRECT) return;
      assert.ok(seen.failed instanceof OpenAI.APIError, `${place}: ${seen.failed}`);
    });
  });
}

test("a_killed_completion_is_one_request_and_one_typed_error", LIMIT, async () => {
  const stream = await openaiAt(PLAIN).completions.create({ model: "sim-slow", stream: true,
    prompt: order({ answer: "word ".repeat(4000) }) });
  let set = null;
  await assert.rejects(async () => {
    for await (const piece of stream) {
      if (piece.choices[0].text && set === null) {
        set = running.openai.control("POST", "/switches",
          { scope: "route=sim-slow", reason: "test", expires_in: "10m" });
      }
    }
  }, (error) => error instanceof OpenAI.APIError && error.code === "switched_off");
  assert.equal((await set).json.receipt.nodes[0].streams_cut, 1);
  let sent = 0;
  const client = openaiAt(PLAIN, { maxRetries: 3,
    fetch: (...args) => { sent += 1; return fetch(...args); } });
  await assert.rejects(client.embeddings.create({ model: "sim-slow", input: "hello" }),
    (error) => error instanceof OpenAI.InternalServerError && error.code === "switched_off");
  assert.equal(sent, 1);
});

// --- moderations ----------------------------------------------------------------------------------

test("moderations_are_answered_by_the_rules_of_the_route", LIMIT, async () => {
  const before = (await running.openai.counts()).completions;
  const answer = await openaiAt(GUARDED).moderations.create({ model: "guarded-sim-normal",
    input: ["hello", "say forbidden-word-123", "say unspeakable-123"] });
  assert.match(answer.id, /^modr-/);
  assert.deepEqual(answer.results.map((one) => one.flagged), [false, true, true]);
  assert.equal(answer.results[1].categories.illicit, true);
  assert.equal(answer.results[1].categories.violence, false);
  assert.equal(answer.results[1].categories.unsafe_output, true);
  assert.equal(answer.results[1].category_scores.illicit, 1);
  assert.deepEqual(answer.results[1].category_applied_input_types.illicit, ["text"]);
  assert.deepEqual(answer.results[2].cordon.rules, ["test.forbidden-answer"]);
  const parts = await openaiAt(GUARDED).moderations.create({ model: "guarded-sim-normal",
    input: [{ type: "text", text: "say forbidden-" }, { type: "text", text: "word-123" }] });
  assert.deepEqual(parts.results.map((one) => one.flagged), [true]);
  assert.equal((await running.openai.counts()).completions, before);
});

test("moderations_that_cannot_be_made_are_typed_errors", LIMIT, async () => {
  const client = openaiAt(GUARDED);
  await assert.rejects(client.moderations.create({ model: "sim-normal", input: "hello" }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "model");
  await assert.rejects(client.moderations.create({ input: "hello" }),
    (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  await assert.rejects(client.moderations.create({ model: "guarded-sim-normal",
    input: [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }] }),
  (error) => error instanceof OpenAI.BadRequestError && error.code === "uninspectable_content");
});
