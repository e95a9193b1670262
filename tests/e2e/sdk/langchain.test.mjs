// LangChain for JavaScript (chat models over OpenAI's chat and Responses APIs and over Anthropic's),
// straight to the provider and through Cordon. Compared is every field of the messages an
// application is handed; only the ids of its own runs are left out, which LangChain draws at random.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { ChatAnthropic } from "@langchain/anthropic";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { StringOutputParser } from "@langchain/core/output_parsers";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { tool } from "@langchain/core/tools";
import { z } from "zod";
import { startCordon, KEY } from "./cordon.mjs";
import { DIRECT, PLAIN, GUARDED, same, throwsEverywhere, order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
const running = {};

const baseAt = (cordon, place) => place === DIRECT ? `${cordon.upstream}/v1` : cordon.gateway;
const openai = (place) => ({ apiKey: KEY, maxRetries: 0,
  configuration: { baseURL: baseAt(running.openai, place) } });

/** The three dialects: who serves them, and a function from a model's name to a chat model. */
const DIALECTS = [
  ["chat", "openai", (place) => (model, more = {}) =>
    new ChatOpenAI({ ...openai(place), model, ...more })],
  ["responses", "openai", (place) => (model, more = {}) =>
    new ChatOpenAI({ ...openai(place), model, useResponsesApi: true, zdrEnabled: true, ...more })],
  ["messages", "anthropic", (place) => (model, more = {}) =>
    new ChatAnthropic({ apiKey: KEY, maxRetries: 0, maxTokens: 1000, model,
      anthropicApiUrl: baseAt(running.anthropic, place).slice(0, -3), ...more })],
];
/** A route for the kill of each: what is switched off stays so. */
const DOOMED = { chat: "doomed", responses: "slow", messages: "slow" };

const weather = tool(({ city }) => `sunny in ${city.slice(0, 4)}`, { name: "get_weather",
  description: "Weather. Not forbidden-word-123.",
  schema: z.object({ city: z.string(), days: z.number().int().min(1).max(7) }) });
const clock = tool(() => "noon", { name: "get_time", description: "Time.",
  schema: z.object({ zone: z.string() }) });
const TOOLS = [weather, clock];
const RECIPE = z.object({ name: z.string(), steps: z.array(z.string()), minutes: z.number() });
const DISH = { name: "Soup, grüne", steps: ["cut", "boil \"well\"", "serve"], minutes: 25 };

const own = (id) => id !== undefined && !/^run-/.test(id) ? id : undefined;
/** Everything in a message. */
const picture = (message) => ({
  type: message.getType(), id: own(message.id), content: message.content,
  calls: message.tool_calls, invalid: message.invalid_tool_calls, pieces: message.tool_call_chunks,
  usage: message.usage_metadata, response: message.response_metadata,
  more: message.additional_kwargs,
});
const textOf = (content) => typeof content === "string" ? content
  : content.map((block) => block.text ?? "").join("");

/** All chunks of a stream, and what they add up to. */
async function gathered(stream) {
  const pieces = [];
  let sum;
  for await (const chunk of await stream) {
    pieces.push(picture(chunk));
    sum = sum === undefined ? chunk : sum.concat(chunk);
  }
  // What was said, however many pieces it came in.
  return { pieces, text: textOf(sum.content), usage: sum.usage_metadata, calls: sum.tool_calls };
}
const failure = (error) => ({ name: error.name, status: error.status });

before(async () => {
  running.openai = await startCordon();
  running.anthropic = await startCordon({ dialect: "anthropic" });
});
after(async () => { for (const cordon of Object.values(running)) await cordon.stop(); });

for (const [dialect, family, modelsAt] of DIALECTS) {
  const name = (claim) => `langchain_${dialect}_${claim}`;

  // --- the same -----------------------------------------------------------------------------------

  test(name("whole_answers_are_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) =>
      picture(await models(at("sim-normal")).invoke(order({ seed: 1 }, "hello"))));
    assert.ok(textOf(seen.content).length > 300);
    assert.ok(seen.usage.output_tokens > 100);
  });

  test(name("streams_are_the_same_chunk_by_chunk"), LIMIT, async () => {
    const seen = await same(modelsAt, (models, at) =>
      gathered(models(at("sim-normal")).stream(order({ seed: 2 }, "hello"))));
    assert.ok(seen.pieces.length > 10);
    assert.ok(seen.text.length > 300);
    assert.ok(seen.usage.total_tokens > 100);
  });

  test(name("system_history_and_any_script_are_the_same"), LIMIT, async () => {
    const text = "Grüße 😀 \"quoted\" \\ \u2028 日本語 עברית\n</script>";
    const seen = await same(modelsAt, async (models, at) =>
      picture(await models(at("sim-echo")).invoke([new SystemMessage("Be kind."),
        new HumanMessage("before"), new AIMessage("yes?"),
        new HumanMessage({ content: [{ type: "text", text: "one" },
          { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw==" } },
          { type: "text", text }] })])));
    assert.equal(textOf(seen.content), `one\n${text}`);
  });

  test(name("an_answer_cut_at_its_length_says_so"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) =>
      picture(await models(at("sim-normal"), { maxTokens: 16 }).invoke(order({ seed: 3 }, "hello"))));
    assert.equal(seen.usage.output_tokens, 16);
    assert.match(JSON.stringify(seen.response), /"length"|"max_tokens"|"max_output_tokens"/);
  });

  test(name("a_forced_tool_call_is_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => picture(await models(at("sim-normal"))
      .bindTools(TOOLS, { tool_choice: "get_time" }).invoke(order({ seed: 4 }, "now"))));
    assert.equal(seen.calls[0].name, "get_time");
    assert.equal(typeof seen.calls[0].args.zone, "string");
  });

  test(name("parallel_tool_calls_are_the_same_whole_and_streamed"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => {
      const model = models(at("sim-normal")).bindTools(TOOLS);
      const say = order({ seed: 5 }, "get_weather get_time get_weather");
      const { pieces, ...streamed } = await gathered(model.stream(say));
      return { whole: picture(await model.invoke(say)), streamed, pieces };
    });
    for (const { calls } of [seen.whole, seen.streamed]) {
      assert.deepEqual(calls.map((call) => call.name), ["get_weather", "get_time", "get_weather"]);
      assert.equal(new Set(calls.map((call) => call.id)).size, 3);
    }
  });

  test(name("a_loop_of_tools_runs_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => {
      const model = models(at("sim-echo")).bindTools(TOOLS);
      const messages = [new HumanMessage(order({ seed: 6 }, "get_weather and get_time"))];
      const first = await model.invoke(messages);
      messages.push(first);
      for (const call of first.tool_calls) {
        const byName = call.name === "get_time" ? clock : weather;
        messages.push(new ToolMessage({ tool_call_id: call.id,
          content: await byName.invoke(call.args) }));
      }
      return { first: picture(first), last: picture(await model.invoke(messages)) };
    });
    assert.equal(seen.first.calls.length, 2);
    assert.match(textOf(seen.last.content), /sunny in [^]*noon/);
  });

  test(name("structured_output_is_the_same"), LIMIT, async () => {
    // Where it is asked for as the arguments of a tool, the schema decides.
    const byTool = dialect === "messages";
    const say = order({ seed: 7, ...(byTool ? {} : { answer: JSON.stringify(DISH) }) });
    const seen = await same(modelsAt, async (models, at) => {
      const { raw, parsed } = await models(at("sim-normal")).withStructuredOutput(RECIPE, {
        name: "recipe", method: byTool ? "functionCalling" : "jsonSchema", includeRaw: true,
      }).invoke(say);
      return { raw: picture(raw), parsed };
    });
    if (byTool) assert.equal(typeof seen.parsed.minutes, "number");
    else assert.deepEqual(seen.parsed, DISH);
  });

  test(name("a_batch_answers_each_with_its_own"), LIMIT, async () => {
    const marks = Array.from({ length: 12 }, (_, i) => `mark-${i}-${dialect}`);
    const seen = await same(modelsAt, async (models, at) =>
      (await models(at("sim-echo")).batch(marks)).map((one) => textOf(one.content)));
    assert.deepEqual(seen, marks);
  });

  test(name("a_chain_and_its_events_are_the_same"), LIMIT, async () => {
    const seen = await same(modelsAt, async (models, at) => {
      const chain = ChatPromptTemplate.fromMessages([["system", "Be {how}."], ["user", "{what}"]])
        .pipe(models(at("sim-echo"))).pipe(new StringOutputParser());
      const ask = { how: "kind", what: "some words to say. ".repeat(20) };
      const events = new Set();
      for await (const event of chain.streamEvents(ask, { version: "v2" })) events.add(event.event);
      let streamed = "";
      for await (const piece of await chain.stream(ask)) streamed += piece;
      return { whole: await chain.invoke(ask), streamed, events: [...events] };
    });
    assert.equal(seen.whole, seen.streamed);
    assert.ok(seen.events.includes("on_chat_model_stream"));
  });

  if (dialect === "messages") {
    test(name("signed_thinking_comes_back_the_same_whole_and_streamed"), LIMIT, async () => {
      const seen = await same(modelsAt, async (models, at) => {
        const model = models(at("sim-normal"), { maxTokens: 2048,
          thinking: { type: "enabled", budget_tokens: 1024 } });
        const say = new HumanMessage(order({ seed: 8, reasoning: "First, then." }, "hello"));
        const first = await model.invoke([say]);
        const second = await model.invoke([say, first, new HumanMessage(order({ seed: 9 }, "so?"))]);
        const { pieces, ...streamed } = await gathered(model.stream([say]));
        return { first: picture(first), second: picture(second), streamed, pieces };
      });
      assert.equal(seen.first.content[0].thinking, "First, then.");
      assert.ok(seen.first.content[0].signature.length > 10);
    });
  }

  // --- the provider says no, or breaks ------------------------------------------------------------

  test(name("errors_are_of_the_same_kind"), LIMIT, async () => {
    for (const [scenario, status] of [["error_429", 429], ["context_length", 400],
      ["error_500", null], ["overloaded", null]]) {
      const seenAt = {};
      await throwsEverywhere(modelsAt, (models, at) => models(at(`sim-${scenario}`)).invoke("hello"),
        (seen, place) => {
          seenAt[place] = failure(seen.failed);
          if (status !== null) assert.equal(seen.status, status, `${place}: ${seen.failed.stack}`);
          else assert.ok(seen.status >= 500, `${place}: ${seen.failed.stack}`);
        });
      assert.equal(seenAt[PLAIN].name, seenAt[DIRECT].name, scenario);
      assert.deepEqual(seenAt[GUARDED], seenAt[PLAIN], scenario);
    }
  });

  test(name("429_once_is_retried_and_answered"), LIMIT, async () => {
    for (const place of [DIRECT, PLAIN]) {
      const say = order({ scenario: "error_429", times: 1, retry_after_s: 0, answer: "At last." },
        `${dialect} ${place}`);
      const answer = await modelsAt(place)("sim-normal", { maxRetries: 1 }).invoke(say);
      assert.equal(textOf(answer.content), "At last.", place);
    }
  });

  test(name("half_a_stream_never_looks_whole"), LIMIT, async () => {
    for (const scenario of ["cut", "error_frame", "malformed"]) {
      await throwsEverywhere(modelsAt, async (models, at) => {
        const seen = await gathered(models(at(`sim-${scenario}`)).stream("hello"));
        // What the provider itself leaves unsaid is not Cordon's to answer for.
        throw new Error(`no error, but ${seen.text}`);
      }, (seen, place) => {
        if (place === DIRECT) return;
        assert.doesNotMatch(String(seen.failed.message), /^no error/, `${place}: ${scenario}`);
      });
    }
  });

  test(name("silence_is_a_time_out"), LIMIT, async () => {
    const seenAt = {};
    await throwsEverywhere(modelsAt, (models, at) =>
      models(at("sim-stall")).invoke("hello", { timeout: 700 }),
    (seen, place) => { seenAt[place] = `${seen.failed.name}: ${seen.failed.message}`; });
    assert.match(seenAt[DIRECT], /Timeout|Abort|timed out/);
    assert.deepEqual([seenAt[PLAIN], seenAt[GUARDED]], [seenAt[DIRECT], seenAt[DIRECT]]);
  });

  test(name("a_caller_who_leaves_ends_the_providers_work"), LIMIT, async () => {
    const gone = async () => (await running[family].counts()).client_gone;
    const already = await gone();
    const stream = await modelsAt(PLAIN)("sim-slow").stream(
      order({ answer: "word ".repeat(2000), chunk_delay_ms: 50, chunk_bytes: 8 }));
    // A signal would not do: over Anthropic's API LangChain looks at it with the next chunk only.
    for await (const chunk of stream) {
      if (textOf(chunk.content) !== "") break;
    }
    for (let i = 0; i < 400 && await gone() === already; ++i) await sleep(25);
    assert.ok(await gone() > already, "the provider still writes");
  });

  // --- Cordon says no -----------------------------------------------------------------------------

  test(name("a_blocked_request_never_reaches_the_provider"), LIMIT, async () => {
    const asked = (await running[family].counts()).completions;
    const model = modelsAt(GUARDED)("guarded-sim-normal", { maxRetries: 2 });
    for (const run of [() => model.invoke("say forbidden-word-123"),
      () => gathered(model.stream("say forbidden-word-123"))]) {
      await assert.rejects(run(), (error) => error.status === 400 && /policy/.test(error.message));
    }
    assert.equal((await running[family].counts()).completions, asked);
  });

  test(name("a_block_in_the_middle_lets_nothing_of_the_match_through"), LIMIT, async () => {
    const seen = await gathered(modelsAt(GUARDED)("guarded-sim-echo").stream(
      `${"some words that may pass. ".repeat(20)} unspeakable-123 and more`));
    assert.ok(seen.text.startsWith("some words that may pass."), seen.text);
    assert.ok(!JSON.stringify(seen).includes("unspeakable-1"));
    // Of a response that ends as incomplete it reads nothing but the text.
    if (dialect !== "responses") {
      assert.match(JSON.stringify(seen.pieces.slice(-3)), /"content_filter"|"refusal"/);
    }
  });

  test(name("a_kill_ends_the_stream_and_reaches_no_provider_again"), LIMIT, async () => {
    let set = null;
    await assert.rejects(async () => {
      const stream = await modelsAt(PLAIN)(DOOMED[dialect]).stream(
        order({ answer: "word ".repeat(4000), chunk_bytes: 8, chunk_delay_ms: 50 }));
      for await (const chunk of stream) {
        if (textOf(chunk.content) !== "" && set === null) {
          set = running[family].control("POST", "/switches",
            { scope: `route=${DOOMED[dialect]}`, reason: "test", expires_in: "10m" });
        }
      }
    });
    assert.equal((await set).json.receipt.nodes[0].streams_cut, 1);
    const asked = (await running[family].counts()).completions;
    await assert.rejects(modelsAt(PLAIN)(DOOMED[dialect]).invoke("hi"),
      (error) => error.status === 503);
    assert.equal((await running[family].counts()).completions, asked);
  });
}

// --- what only one of them has --------------------------------------------------------------------

test("langchain_chat_several_choices_are_the_same", LIMIT, async () => {
  const seen = await same(DIALECTS[0][2], async (models, at) => {
    const { generations } = await models(at("sim-normal"), { n: 3 }).generate(
      [[new HumanMessage(order({ seed: 10 }, "hello"))]]);
    return generations[0].map((one) => picture(one.message));
  });
  assert.equal(seen.length, 3);
});

test("langchain_responses_reasoning_is_the_same", LIMIT, async () => {
  const seen = await same(DIALECTS[1][2], async (models, at) => {
    const model = models(at("sim-normal"));
    const say = order({ reasoning: "First, then.", answer: "So it is." });
    const { pieces, ...streamed } = await gathered(model.stream(say));
    return { whole: picture(await model.invoke(say)), streamed, pieces };
  });
  assert.match(JSON.stringify(seen.whole.more.reasoning), /First, then\./);
});

test("langchain_embeddings_are_the_same", LIMIT, async () => {
  const seen = await same((place) => openai(place), async (fields, at) => {
    const model = new OpenAIEmbeddings({ ...fields, model: at("sim-normal"), dimensions: 8 });
    return [await model.embedQuery("hello"), await model.embedDocuments(["one", "two"])];
  });
  assert.equal(seen[1].length, 2);
});

test("langchain_completions_are_the_same_whole_and_streamed", LIMIT, async () => {
  const seen = await same((place) => openai(place), async (fields, at) => {
    const model = new OpenAI({ ...fields, model: at("sim-normal"), maxTokens: 40 });
    const say = order({ seed: 11 }, "Once upon");
    let streamed = "";
    for await (const piece of await model.stream(say)) streamed += piece;
    return { whole: await model.invoke(say), streamed };
  });
  assert.equal(seen.streamed, seen.whole);
});
