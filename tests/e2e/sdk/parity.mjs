// One case, run straight against the simulator and through Cordon: what the SDK hands back must be
// the same. Cordon is asked twice, on a route without rules and on one whose rules do not fire.
import assert from "node:assert/strict";

export const DIRECT = "direct";
export const PLAIN = "cordon, no rules";
export const GUARDED = "cordon, rules";

/** The name under which a place knows the simulator's model. */
export function modelAt(place, model) {
  return place === GUARDED ? `guarded-${model}` : model;
}

const MINTED = /^(chatcmpl-|cmpl-|call_|toolu_|msg_|req_|resp_|rs_|fc_)/;

/** Plain values; minted ids become #1, #2 in the order in which they are met. */
export function canonical(value) {
  const names = new Map();
  const named = (text) => {
    if (!MINTED.test(text)) return text;
    if (!names.has(text)) names.set(text, `#${names.size + 1}`);
    return names.get(text);
  };
  const walk = (one) => {
    if (typeof one === "string") return named(one);
    if (Array.isArray(one)) return one.map(walk);
    if (one !== null && typeof one === "object") {
      return Object.fromEntries(Object.entries(one).map(([key, inner]) => [named(key), walk(inner)]));
    }
    return one;
  };
  return walk(JSON.parse(JSON.stringify(value)));
}

/** What an application sees of an error, or the value. */
export async function observe(run) {
  try {
    return { value: await run() };
  } catch (error) {
    return {
      thrown: error.constructor.name, status: error.status, code: error.code, type: error.type,
      param: error.param, error: error.error, failed: error,
    };
  }
}

/** All pieces of a stream, for comparing piece by piece. */
export async function pieces(stream) {
  const all = [];
  for await (const piece of stream) all.push(JSON.parse(JSON.stringify(piece)));
  return all;
}

/**
 * `run(client, model)` in all three places; returns what was seen straight. A result's `pieces` are
 * compared only where no rule holds text back.
 */
export async function same(clientAt, run) {
  const seen = {};
  for (const place of [DIRECT, PLAIN, GUARDED]) {
    const result = await observe(() => run(clientAt(place), (model) => modelAt(place, model)));
    if (result.failed) throw new Error(`${place}: ${result.failed.stack}`);
    seen[place] = canonical(result.value);
  }
  assert.deepEqual(seen[PLAIN], seen[DIRECT]);
  delete seen[DIRECT].pieces;
  delete seen[GUARDED].pieces;
  assert.deepEqual(seen[GUARDED], seen[DIRECT]);
  return seen[PLAIN];
}

/** `run` must throw in all three places; `check(seen, place)` judges each. */
export async function throwsEverywhere(clientAt, run, check) {
  for (const place of [DIRECT, PLAIN, GUARDED]) {
    const seen = await observe(() => run(clientAt(place), (model) => modelAt(place, model)));
    assert.ok(seen.failed, `${place}: nothing was thrown: ${JSON.stringify(seen.value)}`);
    check(seen, place);
  }
}

/** An order to the simulator that passes through any gateway. */
export const order = (what, text = "") => `${text}[[sim ${JSON.stringify(what)}]]`;
