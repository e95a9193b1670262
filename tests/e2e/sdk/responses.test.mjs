// The Responses API through the official SDK: straight and through Cordon, whole and streamed.
import test, { before, after } from "node:test";
import assert from "node:assert/strict";
import OpenAI from "openai";
import { startCordon, KEY } from "./cordon.mjs";
import { DIRECT, PLAIN, GUARDED, same, throwsEverywhere, pieces, order } from "./parity.mjs";

const LIMIT = { timeout: 60_000 };
let cordon;

const clientAt = (place, more = {}) => new OpenAI({
  baseURL: place === DIRECT ? `${cordon.upstream}/v1` : cordon.gateway, apiKey: KEY,
  maxRetries: 0, ...more,
});
const blocked = (error) => error instanceof OpenAI.BadRequestError && error.status === 400 &&
  error.code === "content_filter" && error.error.cordon.rule_id !== undefined;
/** Asks for the same answer, whichever turn it is. */
const SEED = order({ seed: 21 });
const TOOLS = [{ type: "function", name: "get_time", strict: true,
  parameters: { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] } }];

/** All events, the text of the deltas, and what the last event says. */
async function read(stream) {
  const all = await pieces(stream);
  return { pieces: all, last: all.at(-1), dense: all.every((one, i) => one.sequence_number === i),
    text: all.filter((one) => one.type === "response.output_text.delta")
      .map((one) => one.delta).join("") };
}
/** Its last event differs in its number where text was held back. */
const seenAlike = ({ last: { sequence_number, ...last }, ...rest }) => ({ ...rest, last });

before(async () => { cordon = await startCordon(); });
after(async () => { await cordon.stop(); });

// --- the same straight and through Cordon --------------------------------------------------------

for (const [name, more] of [
  ["a_text", { input: `hello there${SEED}` }],
  ["instructions", { instructions: "Be kind.", input: `hello there${SEED}` }],
  ["messages", { input: [{ role: "developer", content: "Be kind." },
    { role: "user", content: "hi" },
    { role: "assistant", content: "hello" }, { type: "message", role: "user", content: [
      { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" },
      { type: "input_file", file_data: "AAAA", filename: "a.pdf" },
      { type: "input_text", text: `what is it?${SEED}` }] }] }],
  ["a_limit", { input: `hello${SEED}`, max_output_tokens: 12 }],
  ["reasoning", { input: `hello${SEED}`, reasoning: { effort: "low", summary: "auto" } }],
  ["a_tool", { input: `what is it by get_time?${SEED}`, tools: TOOLS }],
  ["a_forced_tool", { input: `hello${SEED}`, tools: TOOLS,
    tool_choice: { type: "function", name: "get_time" } }],
  ["parallel_tools", { input: `call get_time and get_time${SEED}`, tools: TOOLS }],
  ["structured_output", { input: `hello${SEED}`, text: { format: { type: "json_schema", name: "x",
    strict: true, schema: { type: "object", properties: {}, additionalProperties: false } } } }],
  ["tool_results", { tools: TOOLS, input: [{ role: "user", content: "time?" },
    { type: "function_call", call_id: "c1", name: "get_time", arguments: "{\"zone\":\"UTC\"}" },
    { type: "function_call_output", call_id: "c1", output: `noon${SEED}` }] }],
  ["what_nobody_keeps", { input: `hello${SEED}`, store: false,
    include: ["reasoning.encrypted_content"] }],
]) {
  test(`${name}_is_the_same`, LIMIT, async () => {
    const seen = await same(clientAt, async (client, at) => {
      const response = await client.responses.create({ model: at("sim-normal"), ...more });
      return { response, text: response.output_text };
    });
    assert.ok(seen.response.output.length > 0);
    assert.ok(seen.response.usage.total_tokens > 0);
    assert.equal(seen.response.status, name === "a_limit" ? "incomplete" : "completed");
  });
  test(`${name}_streamed_is_the_same_event_by_event`, LIMIT, async () => {
    const seen = await same(clientAt, async (client, at) => seenAlike(await read(
      await client.responses.create({ model: at("sim-normal"), stream: true, ...more }))));
    assert.ok(seen.dense);
    assert.equal(seen.last.type, name === "a_limit" ? "response.incomplete" : "response.completed");
    assert.ok(seen.pieces.length > 5);
  });
}

// LiteLLM#31461: a guardrail that stumbles over tools the provider runs fails every request with them.
for (const streamed of [false, true]) {
  test(`tools_that_the_provider_runs_itself_pass_${streamed ? "streamed" : "whole"}`, LIMIT, async () => {
    const seen = await same(clientAt, async (client, at) => {
      const answer = await client.responses.create({ model: at("sim-normal"), stream: streamed,
        input: `hello${SEED}`, tool_choice: "auto", tools: [...TOOLS, { type: "web_search" },
          { type: "code_interpreter", container: { type: "auto" } },
          { type: "file_search", vector_store_ids: ["vs_1"] }, { type: "image_generation" },
          { type: "mcp", server_label: "s", server_url: "https://example.com", require_approval: "never" },
          { type: "custom", name: "free", format: { type: "text" } }, { type: "local_shell" }] });
      return streamed ? seenAlike(await read(answer)) : { response: answer };
    });
    assert.equal((seen.response ?? seen.last.response).status, "completed");
  });
}

test("the_helper_that_gathers_a_stream_ends_with_the_same_response", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => {
    const stream = client.responses.stream(
      { model: at("sim-normal"), input: `get_time${SEED}`, tools: TOOLS });
    let snapshot = "";
    stream.on("response.function_call_arguments.delta", (event) => { snapshot = event.snapshot; });
    const response = await stream.finalResponse();
    return { snapshot, response };
  });
  assert.equal(seen.response.output.at(-1).type, "function_call");
  assert.equal(seen.snapshot, seen.response.output.at(-1).arguments);
});

for (const [scenario, error] of [["error_401", null], ["error_429", OpenAI.RateLimitError],
  ["error_500", OpenAI.InternalServerError], ["overloaded", OpenAI.InternalServerError]]) {
  for (const stream of [false, true]) {
    test(`${scenario}_is_typed_${stream ? "streamed" : "whole"}`, LIMIT, async () => {
      await throwsEverywhere(clientAt, (client, at) => client.responses.create(
        { model: at(`sim-${scenario}`), input: "hello", stream }), (seen, place) => {
        if (error !== null) assert.ok(seen.failed instanceof error, `${place}: ${seen.failed}`);
        assert.ok(seen.failed instanceof OpenAI.APIError, `${place}: ${seen.failed}`);
      });
    });
  }
}

for (const scenario of ["cut", "error_frame", "malformed"]) {
  test(`a_stream_that_ends_in_${scenario}_throws`, LIMIT, async () => {
    await throwsEverywhere(clientAt, async (client, at) => read(await client.responses.create(
      { model: at(`sim-${scenario}`), input: "hello", stream: true })), (seen, place) => {
      if (place === DIRECT) return;
      assert.ok(seen.failed instanceof OpenAI.APIError, `${place}: ${seen.failed}`);
      assert.match(seen.code, /^upstream_/, place);
    });
  });
}

test("a_failed_response_is_the_same", LIMIT, async () => {
  const seen = await same(clientAt, async (client, at) => seenAlike(await read(
    await client.responses.create({ model: at("sim-normal"), stream: true,
      input: order({ answer: "half of an answer. ".repeat(20), finish: "failed" }) }))));
  assert.equal(seen.last.type, "response.failed");
});

test("bad_input_is_refused_by_name", LIMIT, async () => {
  for (const [bad, param] of [[{ input: 5 }, "input"], [{ input: [{ role: "user", content: [
    { type: "input_text" }] }] }, "input[0].content[0].text"]]) {
    await throwsEverywhere(clientAt, (client, at) => client.responses.create(
      { model: at("sim-normal"), ...bad }), (seen, place) => {
      assert.ok(seen.failed instanceof OpenAI.BadRequestError, `${place}: ${seen.failed}`);
      assert.equal(seen.param, param, place);
    });
  }
});

// --- rules ---------------------------------------------------------------------------------------

test("a_request_is_blocked_before_anybody_is_asked", LIMIT, async () => {
  const before = (await cordon.counts()).completions;
  const client = clientAt(GUARDED, { maxRetries: 2 });
  for (const input of ["say forbidden-word-123",
    [{ type: "function_call_output", call_id: "c", output: "forbidden-word-123" }],
    [{ role: "user", content: [{ type: "input_text", text: "say forbidden-" },
      { type: "input_text", text: "word-123" }] }]]) {
    for (const stream of [false, true]) {
      await assert.rejects(client.responses.create({ model: "guarded-sim-normal", input, stream }),
        blocked);
    }
  }
  await assert.rejects(client.responses.create({ model: "guarded-sim-normal", input: "hi",
    instructions: "say forbidden-word-123" }), blocked);
  assert.equal((await cordon.counts()).completions, before);
});

test("text_that_no_rule_saw_is_refused_by_name", LIMIT, async () => {
  for (const [param, value] of [["previous_response_id", "resp_1"], ["conversation", "conv_1"],
    ["prompt", { id: "pmpt_1" }], ["store", true], ["background", true]]) {
    await assert.rejects(clientAt(GUARDED).responses.create(
      { model: "guarded-sim-normal", input: "hi", [param]: value }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === param &&
      error.code === "uninspectable_content");
    const plain = await clientAt(PLAIN).responses.create(
      { model: "sim-normal", input: "hi", [param]: value });
    assert.equal(plain.status, "completed", "no rules there");
  }
});

test("an_answer_is_blocked_whole_and_in_the_arguments_of_a_tool", LIMIT, async () => {
  const client = clientAt(GUARDED);
  await assert.rejects(client.responses.create(
    { model: "guarded-sim-echo", input: "say unspeakable-123" }), blocked);
  await assert.rejects(client.responses.create({ model: "guarded-sim-normal", input: order(
    { tool_calls: [{ name: "rm", arguments: { path: "unspeakable-" + "123" } }] }) }), blocked);
});

test("a_block_in_the_middle_ends_the_response_as_incomplete", LIMIT, async () => {
  const input = `${"some words that may pass. ".repeat(20)} unspeakable-123 and more`;
  const seen = await read(await clientAt(GUARDED).responses.create(
    { model: "guarded-sim-echo", input, stream: true }));
  assert.equal(seen.last.type, "response.incomplete");
  assert.equal(seen.last.response.status, "incomplete");
  assert.deepEqual(seen.last.response.incomplete_details, { reason: "content_filter" });
  assert.match(seen.last.response.id, /^resp_/);
  assert.ok(seen.last.response.usage.output_tokens > 0);
  assert.equal(seen.last.response.usage.cordon.source, "estimated");
  assert.ok(seen.dense);
  assert.ok(seen.text.startsWith("some words that may pass."), seen.text);
  assert.equal(seen.last.response.output[0].content[0].text, seen.text);
  assert.ok(!JSON.stringify(seen.pieces).includes("unspeakable-1"));
  const gathered = await clientAt(GUARDED).responses.stream(
    { model: "guarded-sim-echo", input }).finalResponse();
  assert.equal(gathered.incomplete_details.reason, "content_filter");
  assert.equal(gathered.output_text, seen.text);
});

test("a_killed_stream_is_one_request_and_one_typed_error", LIMIT, async () => {
  const stream = await clientAt(PLAIN).responses.create({ model: "sim-slow", stream: true,
    input: order({ answer: "word ".repeat(4000) }) });
  const types = [];
  let set = null;
  await assert.rejects(async () => {
    for await (const event of stream) {
      types.push(event.type);
      if (event.type === "response.output_text.delta" && set === null) {
        set = cordon.control("POST", "/switches",
          { scope: "route=sim-slow", reason: "test", expires_in: "10m" });
      }
    }
  }, (error) => error instanceof OpenAI.APIError && error.code === "switched_off");
  assert.equal((await set).json.receipt.nodes[0].streams_cut, 1);
  assert.ok(!types.includes("response.completed") && !types.includes("response.incomplete"));
  let sent = 0;
  const client = clientAt(PLAIN, { maxRetries: 3,
    fetch: (...args) => { sent += 1; return fetch(...args); } });
  await assert.rejects(client.responses.create({ model: "sim-slow", input: "hello" }),
    (error) => error instanceof OpenAI.InternalServerError && error.code === "switched_off");
  assert.equal(sent, 1);
});

test("what_is_stored_is_not_served", LIMIT, async () => {
  await assert.rejects(clientAt(PLAIN).responses.retrieve("resp_1"), OpenAI.NotFoundError);
  await assert.rejects(clientAt(PLAIN).responses.cancel("resp_1"), OpenAI.NotFoundError);
});
