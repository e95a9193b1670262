// What the official SDKs make of a tenant's limits: the headers of an answer, and the refusal.
import test from "node:test";
import assert from "node:assert/strict";
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
import { startCordon, LIMITED_KEY } from "./cordon.mjs";

const messages = [{ role: "user", content: "hello" }];

test("sdk_openai_reads_limits_and_their_refusal", async () => {
  const cordon = await startCordon();
  try {
    const client = new OpenAI({ baseURL: cordon.gateway, apiKey: LIMITED_KEY, maxRetries: 0 });
    const { response } = await client.chat.completions.create({ model: "plain", messages }).withResponse();
    assert.equal(response.headers.get("x-ratelimit-limit-requests"), "2");
    assert.equal(response.headers.get("x-ratelimit-remaining-requests"), "1");
    assert.match(response.headers.get("x-ratelimit-reset-requests"), /^\d+s$/);
    assert.equal(response.headers.get("x-ratelimit-limit-tokens"), "100000");
    assert.ok(Number(response.headers.get("x-ratelimit-remaining-tokens")) > 99_000, "the rest came back");
    const stream = await client.chat.completions.create({ model: "plain", messages, stream: true }).withResponse();
    assert.equal(stream.response.headers.get("x-ratelimit-remaining-requests"), "0");
    for await (const _ of stream.data) { /* to its end */ }
    await assert.rejects(client.chat.completions.create({ model: "plain", messages }), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.code, "rate_limit_exceeded");
      assert.ok(Number(error.headers.get("retry-after")) >= 1);
      return true;
    });
  } finally {
    await cordon.stop();
  }
});

test("sdk_anthropic_reads_limits_and_their_refusal", async () => {
  const cordon = await startCordon({ dialect: "anthropic" });
  try {
    const client = new Anthropic({ baseURL: cordon.gateway.replace(/\/v1$/, ""), apiKey: LIMITED_KEY, maxRetries: 0 });
    const body = { model: "plain", max_tokens: 50, messages };
    const { response } = await client.messages.create(body).withResponse();
    assert.equal(response.headers.get("anthropic-ratelimit-requests-limit"), "2");
    assert.equal(response.headers.get("anthropic-ratelimit-requests-remaining"), "1");
    const reset = Date.parse(response.headers.get("anthropic-ratelimit-requests-reset"));
    assert.ok(reset > Date.now() && reset < Date.now() + 61_000);
    await client.messages.create(body);
    await assert.rejects(client.messages.create(body), (error) => {
      assert.ok(error instanceof Anthropic.RateLimitError);
      assert.equal(error.error.error.type, "rate_limit_error");
      assert.ok(Number(error.headers.get("retry-after")) >= 1);
      return true;
    });
  } finally {
    await cordon.stop();
  }
});
