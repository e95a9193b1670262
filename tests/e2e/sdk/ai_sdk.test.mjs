// The AI SDK (`ai` with its providers for OpenAI's chat and Responses APIs and for Anthropic),
// straight to the provider and through Cordon. Compared is all that an application is handed but the
// headers, the request as it was sent (it names the route), and the clock's time where the SDK
// itself puts it in.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { APICallError, embed, embedMany, generateObject, generateText,
  stepCountIs, streamObject, streamText, tool } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { z } from "zod";
import { startCordon, KEY } from "./cordon.mjs";
import { DIRECT, PLAIN, GUARDED, same, throwsEverywhere, order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
const running = {};
globalThis.AI_SDK_LOG_WARNINGS = false;

const baseAt = (cordon, place) => place === DIRECT ? `${cordon.upstream}/v1` : cordon.gateway;
const openaiAt = (place, more = {}) =>
  createOpenAI({ baseURL: baseAt(running.openai, place), apiKey: KEY, ...more });
const anthropicAt = (place, more = {}) =>
  createAnthropic({ baseURL: baseAt(running.anthropic, place), apiKey: KEY, ...more });

/** The three dialects: who serves them, and a function from a model's name to a model. */
const DIALECTS = [
  ["chat", "openai", (place, more) => { const p = openaiAt(place, more); return (m) => p.chat(m); }],
  ["responses", "openai",
    (place, more) => { const p = openaiAt(place, more); return (m) => p.responses(m); }],
  ["messages", "anthropic",
    (place, more) => { const p = anthropicAt(place, more); return (m) => p(m); }],
];

/** A route for the kill of each: what is switched off stays so. */
const DOOMED = { chat: "doomed", responses: "slow", messages: "slow" };

const weather = (execute) => tool({
  description: "Weather. Not forbidden-word-123.", execute,
  inputSchema: z.object({ city: z.string(), days: z.number().int().min(1).max(7) }),
});
const clock = (execute) =>
  tool({ description: "Time.", execute, inputSchema: z.object({ zone: z.string() }) });
const TOOLS = { get_weather: weather(), get_time: clock() };
const RECIPE = z.object({ name: z.string(), steps: z.array(z.string()), minutes: z.number() });
const DISH = { name: "Soup, grüne", steps: ["cut", "boil \"well\"", "serve"], minutes: 25 };

const UNEQUAL = new Set(["headers", "request", "timestamp"]);
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Error) return { error: value.name, message: value.message };
  return Object.fromEntries(Object.entries(value).filter(([key]) => !UNEQUAL.has(key))
    .map(([key, inner]) => [key, plain(inner)]));
}

/** What an application reads of a whole result. */
const picture = (result) => plain({
  text: result.text, reasoning: result.reasoning, sources: result.sources,
  calls: result.toolCalls, results: result.toolResults, finish: result.finishReason,
  usage: result.usage, total: result.totalUsage, warnings: result.warnings,
  metadata: result.providerMetadata, messages: result.response.messages,
  id: result.response.id, model: result.response.modelId,
  steps: result.steps.map((step) => [step.finishReason, step.usage, step.content]),
});

/** The same of a streamed one, with the parts as they came. */
async function gathered(result) {
  const parts = [];
  for await (const part of result.fullStream) {
    if (part.type === "error") throw part.error;
    parts.push(plain(part));
  }
  const [text, calls, finish, usage, response, metadata] = await Promise.all([result.text,
    result.toolCalls, result.finishReason, result.totalUsage, result.response,
    result.providerMetadata]);
  return { pieces: parts, text, calls: plain(calls), finish, usage, metadata: plain(metadata),
    messages: plain(response.messages), id: response.id };
}
const quiet = { maxRetries: 0, maxOutputTokens: 1000, onError: () => {} };
/** Without it the SDK names what the provider keeps, and text that rules cannot see is refused. */
const unstored = { openai: { store: false } };

before(async () => {
  running.openai = await startCordon();
  running.anthropic = await startCordon({ dialect: "anthropic" });
});
after(async () => { for (const cordon of Object.values(running)) await cordon.stop(); });

for (const [dialect, family, modelsAt] of DIALECTS) {
  const name = (claim) => `ai_${dialect}_${claim}`;
  const whole = (place, models, at, model, more) =>
    generateText({ model: models(at(model)), ...quiet, ...more });

  // --- the same -----------------------------------------------------------------------------------

  test(name("whole_answers_are_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => picture(await generateText({
      model: models(at("sim-normal")), ...quiet, prompt: order({ seed: 1 }, "hello") })));
    assert.equal(seen.finish, "stop");
    assert.ok(seen.text.length > 300);
    assert.ok(seen.usage.outputTokens > 100);
  });

  test(name("streams_are_the_same_part_by_part"), LIMIT, async () => {
    const seen = await same(modelsAt, (models, at) => gathered(streamText({
      model: models(at("sim-normal")), ...quiet, prompt: order({ seed: 2 }, "hello") })));
    assert.equal(seen.finish, "stop");
    assert.ok(seen.pieces.filter((part) => part.type === "text-delta").length > 10);
    assert.ok(seen.usage.totalTokens > 100);
  });

  test(name("system_history_and_any_script_are_the_same"), LIMIT, async () => {
    const text = "Grüße 😀 \"quoted\" \\ \u2028 日本語 עברית\n</script>";
    const seen = await same(modelsAt, async (models, at) => picture(await generateText({
      model: models(at("sim-echo")), ...quiet, system: "Be kind.", messages: [
        { role: "user", content: "before" }, { role: "assistant", content: "yes?" },
        { role: "user", content: [{ type: "text", text: "one" },
          { type: "image", image: new Uint8Array([137, 80, 78, 71]), mediaType: "image/png" },
          { type: "text", text }] }] })));
    assert.equal(seen.text, `one\n${text}`);
  });

  test(name("an_answer_cut_at_its_length_says_so"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => ({
      whole: picture(await generateText({ model: models(at("sim-normal")), ...quiet,
        maxOutputTokens: 16, prompt: order({ seed: 3 }, "hello") })),
      streamed: (await gathered(streamText({ model: models(at("sim-normal")), ...quiet,
        maxOutputTokens: 16, prompt: order({ seed: 3 }, "hello") }))).finish }));
    assert.equal(seen.whole.finish, "length");
    assert.equal(seen.streamed, "length");
    assert.equal(seen.whole.usage.outputTokens, 16);
  });

  test(name("a_forced_tool_call_is_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => picture(await generateText({
      model: models(at("sim-normal")), ...quiet, tools: TOOLS,
      toolChoice: { type: "tool", toolName: "get_time" }, prompt: order({ seed: 4 }, "now") })));
    assert.equal(seen.finish, "tool-calls");
    assert.equal(typeof seen.calls[0].input.zone, "string");
  });

  test(name("parallel_tool_calls_are_the_same_whole_and_streamed"), LIMIT, async () => {
    const ask = (models, at) => ({ model: models(at("sim-normal")), ...quiet, tools: TOOLS,
      prompt: order({ seed: 5 }, "get_weather get_time get_weather") });
    const seen = await same(modelsAt, async (models, at) => {
      const { pieces, ...streamed } = await gathered(streamText(ask(models, at)));
      return { whole: picture(await generateText(ask(models, at))), streamed, pieces };
    });
    for (const { calls } of [seen.whole, seen.streamed]) {
      assert.deepEqual(calls.map((call) => call.toolName), ["get_weather", "get_time", "get_weather"]);
      assert.equal(new Set(calls.map((call) => call.toolCallId)).size, 3);
    }
    assert.ok(seen.pieces.some((part) => part.type === "tool-input-delta"));
  });

  for (const streamed of [false, true]) {
    test(name(`a_loop_of_tools_runs_the_same${streamed ? "_streamed" : ""}`), LIMIT, async () => {
      const seen = await same(modelsAt, async (models, at) => {
        const asked = [];
        const run = { model: models(at("sim-echo")), ...quiet, stopWhen: stepCountIs(4),
          prompt: order({ seed: 9 }, "get_weather and get_time"), providerOptions: unstored,
          tools: { get_weather: weather((input) => { asked.push(input); return "sunny"; }),
            get_time: clock((input) => { asked.push(input); return "noon"; }) } };
        if (!streamed) return { asked, ...picture(await generateText(run)) };
        const result = streamText(run);
        return { ...await gathered(result), asked, steps: (await result.steps).length };
      });
      assert.equal(seen.asked.length, 2);
      assert.match(seen.text, /sunny[^]*noon/);
      assert.equal(streamed ? seen.steps : seen.steps.length, 2);
    });
  }

  test(name("an_object_is_the_same_whole_and_piece_by_piece"), LIMIT, async () => {
    // Where an object is asked for as the arguments of a tool, the schema decides.
    const say = order({ seed: 6, ...(dialect === "messages" ? {} : { answer: JSON.stringify(DISH) }) });
    const seen = await same(modelsAt, async (models, at) => {
      const ask = { model: models(at("sim-normal")), ...quiet, schema: RECIPE, prompt: say };
      const one = await generateObject(ask);
      const stream = streamObject(ask);
      const states = [];
      for await (const state of stream.partialObjectStream) states.push(state);
      return { pieces: states, whole: one.object, usage: one.usage, finish: one.finishReason,
        streamed: await stream.object, later: await stream.usage };
    });
    if (dialect === "messages") assert.equal(typeof seen.whole.minutes, "number");
    else assert.deepEqual(seen.whole, DISH);
    assert.deepEqual(seen.streamed, seen.whole);
    assert.ok(seen.pieces.length > 0);
  });

  if (dialect !== "messages") {
    test(name("an_object_that_fits_no_schema_is_the_same_error"), LIMIT, async () => {
      await throwsEverywhere(modelsAt, (models, at) => generateObject({ ...quiet,
        model: models(at("sim-normal")), schema: RECIPE,
        prompt: order({ answer: "{\"half\":" }) }),
      (seen, place) => assert.match(seen.failed.name, /^AI_NoObjectGeneratedError$/, place));
    });
  }

  if (dialect !== "chat") {
    test(name("reasoning_is_the_same_whole_and_streamed"), LIMIT, async () => {
      const seen = await same(modelsAt, async (models, at) => {
        const ask = { model: models(at("sim-normal")), ...quiet,
          prompt: order({ reasoning: "First, then.", answer: "So it is." }),
          providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } } };
        const { pieces, ...streamed } = await gathered(streamText(ask));
        return { pieces, streamed, whole: picture(await generateText(ask)) };
      });
      assert.equal(seen.whole.reasoning[0].text, "First, then.");
      assert.equal(seen.whole.text, "So it is.");
      if (dialect === "messages") {
        assert.ok(seen.whole.reasoning[0].providerMetadata.anthropic.signature.length > 10);
      }
      assert.ok(seen.pieces.some((part) => part.type === "reasoning-delta"));
    });
  }

  test(name("a_turn_after_its_own_answer_is_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => {
      const thinks = { providerOptions: { ...unstored, anthropic: {
        thinking: { type: "enabled", budgetTokens: 1024 } } } };
      const first = await generateText({ model: models(at("sim-normal")), ...quiet, ...thinks,
        prompt: order({ seed: 7, reasoning: "Hm." }, "hello") });
      const second = await generateText({ model: models(at("sim-echo")), ...quiet, ...thinks,
        messages: [{ role: "user", content: "hello" }, ...first.response.messages,
          { role: "user", content: order({ seed: 8 }, "again") }] });
      return { first: picture(first), second: picture(second) };
    });
    assert.equal(seen.second.text, "again");
  });

  // --- the provider says no, or breaks ------------------------------------------------------------

  test(name("errors_are_of_the_same_kind"), LIMIT, async () => {
    for (const [scenario, status, retryable] of [["error_429", 429, true], ["error_500", null, true],
      ["overloaded", null, true]]) {
      await throwsEverywhere(modelsAt, (models, at) => generateText({ ...quiet,
        model: models(at(`sim-${scenario}`)), prompt: "hello" }), (seen, place) => {
        assert.ok(APICallError.isInstance(seen.failed), `${place}: ${seen.failed.stack}`);
        if (status !== null) assert.equal(seen.failed.statusCode, status, place);
        else assert.ok(seen.failed.statusCode >= 500, place);
        assert.equal(seen.failed.isRetryable, retryable, `${place} ${scenario}`);
        assert.equal(typeof seen.failed.data.error.message, "string", place);
      });
    }
  });

  test(name("a_bad_request_is_the_same_error"), LIMIT, async () => {
    const messages = [];
    await throwsEverywhere(modelsAt, (models, at) => generateText({ ...quiet,
      model: models(at("sim-context_length")), prompt: "hello" }), (seen, place) => {
      assert.ok(APICallError.isInstance(seen.failed), `${place}: ${seen.failed.stack}`);
      assert.equal(seen.failed.statusCode, 400, place);
      assert.equal(seen.failed.isRetryable, false, place);
      messages.push(seen.failed.message);
    });
    assert.equal(new Set(messages).size, 1, messages.join(" | "));
  });

  test(name("429_once_is_retried_and_answered"), LIMIT, async () => {
    for (const place of [DIRECT, PLAIN]) {
      const say = order({ scenario: "error_429", times: 1, retry_after_s: 0, answer: "At last." },
        `${dialect} ${place}`);
      const answer = await generateText({ model: modelsAt(place)("sim-normal"), maxRetries: 1,
        prompt: say });
      assert.equal(answer.text, "At last.", place);
    }
  });

  test(name("half_a_stream_never_looks_whole"), LIMIT, async () => {
    for (const scenario of ["cut", "error_frame", "malformed"]) {
      await throwsEverywhere(modelsAt, async (models, at) => {
        const seen = await gathered(streamText({ ...quiet, model: models(at(`sim-${scenario}`)),
          prompt: "hello" }));
        // What the provider itself leaves unsaid is not Cordon's to answer for.
        throw new Error(`no error, but ${seen.finish}`);
      }, (seen, place) => {
        if (place === DIRECT) return;
        assert.doesNotMatch(String(seen.failed.message), /^no error/, `${place}: ${scenario}`);
      });
    }
  });

  test(name("silence_is_a_time_out"), LIMIT, async () => {
    await throwsEverywhere(modelsAt, (models, at) => generateText({ ...quiet,
      model: models(at("sim-stall")), prompt: "hello", abortSignal: AbortSignal.timeout(700) }),
    (seen, place) => {
      assert.ok(["TimeoutError", "AbortError"].includes(seen.failed.name), `${place}: ${seen.failed}`);
    });
  });

  test(name("a_caller_who_leaves_ends_the_providers_work"), LIMIT, async () => {
    const gone = async () => (await running[family].counts()).client_gone;
    const already = await gone();
    const leave = new AbortController();
    const { textStream } = streamText({ ...quiet, model: modelsAt(PLAIN)("sim-slow"),
      abortSignal: leave.signal,
      prompt: order({ answer: "word ".repeat(2000), chunk_delay_ms: 50, chunk_bytes: 8 }) });
    for await (const text of textStream) {
      if (text !== "") leave.abort();
    }
    for (let i = 0; i < 400 && await gone() === already; ++i) await sleep(25);
    assert.ok(await gone() > already, "the provider still writes");
  });

  // --- Cordon says no -----------------------------------------------------------------------------

  const blocked = (error) => APICallError.isInstance(error) && error.statusCode === 400 &&
    !error.isRetryable && JSON.parse(error.responseBody).error.cordon.rule_id !== undefined;

  test(name("a_blocked_request_never_reaches_the_provider"), LIMIT, async () => {
    const asked = (await running[family].counts()).completions;
    const ask = { model: modelsAt(GUARDED)("guarded-sim-normal"), maxRetries: 2,
      onError: () => {}, prompt: "say forbidden-word-123" };
    await assert.rejects(generateText(ask), blocked);
    await assert.rejects(gathered(streamText(ask)), blocked);
    assert.equal((await running[family].counts()).completions, asked);
  });

  test(name("a_block_in_the_middle_ends_as_filtered"), LIMIT, async () => {
    const seen = await gathered(streamText({ ...quiet, model: modelsAt(GUARDED)("guarded-sim-echo"),
      prompt: `${"some words that may pass. ".repeat(20)} unspeakable-123 and more` }));
    assert.equal(seen.finish, "content-filter");
    assert.ok(seen.text.startsWith("some words that may pass."), seen.text);
    assert.ok(!JSON.stringify(seen).includes("unspeakable-1"));
  });

  test(name("a_kill_ends_the_stream_and_reaches_no_provider_again"), LIMIT, async () => {
    const result = streamText({ ...quiet, model: modelsAt(PLAIN)(DOOMED[dialect]),
      prompt: order({ answer: "word ".repeat(4000), chunk_bytes: 8, chunk_delay_ms: 50 }) });
    let set = null;
    await assert.rejects(async () => {
      for await (const part of result.fullStream) {
        if (part.type === "error") throw part.error;
        if (part.type === "text-delta" && set === null) {
          set = running[family].control("POST", "/switches",
            { scope: `route=${DOOMED[dialect]}`, reason: "test", expires_in: "10m" });
        }
      }
    });
    assert.equal((await set).json.receipt.nodes[0].streams_cut, 1);
    const asked = (await running[family].counts()).completions;
    await assert.rejects(generateText({ ...quiet, model: modelsAt(PLAIN)(DOOMED[dialect]), prompt: "hi" }),
      (error) => APICallError.isInstance(error) && error.statusCode === 503);
    assert.equal((await running[family].counts()).completions, asked);
  });
}

// --- what only one of them has --------------------------------------------------------------------

test("ai_responses_what_the_provider_keeps_is_refused_where_rules_must_see_it", LIMIT, async () => {
  for (const place of [DIRECT, PLAIN, GUARDED]) {
    const models = openaiAt(place).responses;
    const at = (model) => place === GUARDED ? `guarded-${model}` : model;
    const first = await generateText({ model: models(at("sim-normal")), ...quiet, prompt: "hello" });
    const next = generateText({ model: models(at("sim-echo")), ...quiet, messages: [
      { role: "user", content: "hello" }, ...first.response.messages,
      { role: "user", content: "again" }] });
    if (place !== GUARDED) assert.equal((await next).text, "again", place);
    else await assert.rejects(next, (error) => error.statusCode === 400 &&
      error.data.error.code === "uninspectable_content" && error.data.error.param === "input[1]");
  }
});

test("ai_embeddings_are_the_same", LIMIT, async () => {
  const seen = await same(openaiAt, async (openai, at) => {
    const model = openai.textEmbeddingModel(at("sim-normal"));
    const one = await embed({ model, value: "hello" });
    const many = await embedMany({ model, values: ["one", "two", "three"] });
    return { one: [one.embedding, one.usage], many: [many.embeddings, many.usage] };
  });
  assert.equal(seen.many[0].length, 3);
});

test("ai_completions_are_the_same_whole_and_streamed", LIMIT, async () => {
  const seen = await same(openaiAt, async (openai, at) => {
    const ask = { model: openai.completion(at("sim-normal")), ...quiet,
      prompt: order({ seed: 8 }, "Once upon"), maxOutputTokens: 40 };
    const { pieces, ...streamed } = await gathered(streamText(ask));
    return { pieces, streamed, whole: picture(await generateText(ask)) };
  });
  assert.equal(seen.whole.finish, "length");
  assert.ok(seen.streamed.text.length > 20);
});
