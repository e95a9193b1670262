// Starts a simulator and a server on ports the kernel chooses, for the SDK tests.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, existsSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const BINARY = process.env.CORDON_BINARY;
// Routes of the same name as the simulator's model: one request fits both. The guarded ones have
// rules that a harmless answer does not meet.
const MODELS = ["normal", "echo", "slow", "cut", "stall", "error_401", "error_429", "error_500",
  "overloaded", "error_frame", "malformed", "context_length"];
export const KEY = "tenant-key-of-the-sdk-tests";
/** Of a tenant that may send two requests a minute. */
export const LIMITED_KEY = "limited-key-of-the-sdk-tests";

const RULES = `rulepack: sdk-tests
version: 1.0.0
rules:
  - id: test.forbidden-word
    class: unsafe_output
    on: [request, response, tool_arguments]
    match: {pattern: 'forbidden-word-[0-9]{3}'}
    state: live
    action: block
    rationale: A word that the tests can put wherever they want a block.
    refs: [{scheme: owasp-llm, edition: 2025, id: LLM05}]
    tests: {match: ['say forbidden-word-123'], pass: ['say forbidden-word']}
  - id: test.forbidden-answer
    class: unsafe_output
    on: [response, tool_arguments]
    match: {pattern: 'unspeakable-[0-9]{3}'}
    state: live
    action: block
    rationale: A word that only an answer must not hold, so that an echo blocks in the middle.
    refs: [{scheme: owasp-llm, edition: 2025, id: LLM05}]
    tests: {match: ['say unspeakable-123'], pass: ['say unspeakable']}
`;

function parityRoutes() {
  return MODELS.map((name) => `
  - {name: sim-${name}, targets: [{provider: sim, model: sim-${name}}], rulepacks: []}
  - {name: guarded-sim-${name}, targets: [{provider: sim, model: sim-${name}}], rulepacks: [sdk-tests]}`)
    .join("");
}

// To the simulator's other shape, and for callers of the other one back to its first.
const CROSSED = ["normal", "echo", "slow", "error_frame", "context_length"];
function crossedRoutes() {
  return CROSSED.map((name) => `
  - {name: crossed-${name}, targets: [{provider: other, model: sim-${name}}], rulepacks: [sdk-tests], translate: on}
  - {name: back-${name}, targets: [{provider: sim, model: sim-${name}}], rulepacks: [sdk-tests], translate: on}`)
    .join("");
}

function config(upstream, dialect) {
  const other = dialect === "openai" ? "anthropic" : "openai";
  const [sha, limited] = [KEY, LIMITED_KEY].map((key) => createHash("sha256").update(key).digest("hex"));
  return `
listen: {gateway: "127.0.0.1:0", control: "127.0.0.1:0"}
threads: 1
providers:
  - {name: sim, dialect: ${dialect}, base_url: "${upstream}/v1"}
  - {name: other, dialect: ${other}, base_url: "${upstream}/v1"}
rulepacks: {files: [rules.yaml]}
routes:
  - {name: plain, targets: [{provider: sim, model: sim-small}]}
  - {name: guarded, targets: [{provider: sim, model: sim-echo}], rulepacks: [sdk-tests]}
  - {name: slow, targets: [{provider: sim, model: sim-slow}], rulepacks: [sdk-tests]}
  - {name: doomed, targets: [{provider: sim, model: sim-small}]}
  - name: crossing-over
    targets: [{provider: sim, model: sim-overloaded}, {provider: other, model: sim-echo}]
    retry: {attempts_max: 1}
    translate: on
  - name: crossing-back
    targets: [{provider: other, model: sim-overloaded}, {provider: sim, model: sim-echo}]
    retry: {attempts_max: 1}
    translate: on${crossedRoutes()}${parityRoutes()}
flags: [{name: tools}, {name: beta, enabled: false}, {name: summaries}]
tenants:
  - {name: sdk, key_sha256: ["${sha}"], routes: ["*"]}
  - {name: limited, key_sha256: ["${limited}"], routes: ["*"], limits: {requests_per_minute: 2, tokens_per_minute: 100000}}
`;
}

/** By itself, or by a signal. */
const hasEnded = (child) => child.exitCode !== null || child.signalCode !== null;

async function firstLine(child) {
  let text = "";
  for await (const piece of child.stdout) {
    text += piece;
    if (text.includes("\n")) return text.slice(0, text.indexOf("\n")).trim();
  }
  throw new Error("the simulator said nothing");
}

export async function startCordon({ dialect = "openai" } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "cordon-sdk-"));
  const sim = spawn(BINARY, ["sim", "--seed", "7"], { stdio: ["ignore", "pipe", "inherit"] });
  const upstream = await firstLine(sim);
  writeFileSync(join(dir, "cordon.yaml"), config(upstream, dialect));
  writeFileSync(join(dir, "rules.yaml"), RULES);
  const serve = spawn(BINARY, ["serve", "--config", "cordon.yaml", "--data", "data",
    "--admin-token-file", "admin.token", "--addresses-file", "addresses.json"],
    { cwd: dir, stdio: ["ignore", "ignore", process.env.CORDON_TEST_LOG ? "inherit" : "ignore"] });
  const children = [serve, sim];
  const stop = async () => {
    for (const child of children) {
      if (!hasEnded(child)) {
        const late = setTimeout(() => child.kill("SIGKILL"), 15000);
        child.kill("SIGTERM");
        await once(child, "exit");
        clearTimeout(late);  // it would keep this process alive
      }
    }
    rmSync(dir, { recursive: true, force: true });
  };
  for (let i = 0; i < 1200 && !existsSync(join(dir, "addresses.json")); ++i) {
    if (hasEnded(serve)) {
      await stop();
      throw new Error(`cordon serve ended with ${serve.exitCode ?? serve.signalCode}`);
    }
    await sleep(50);
  }
  if (!existsSync(join(dir, "addresses.json"))) {
    await stop();
    throw new Error("cordon serve did not say where it listens");
  }
  const addresses = JSON.parse(readFileSync(join(dir, "addresses.json"), "utf8"));
  const token = readFileSync(join(dir, "admin.token"), "utf8").trim();
  const control = async (method, path, body) => {
    const answer = await fetch(`http://${addresses.control}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, json: await answer.json() };
  };
  const counts = async () => (await fetch(`${upstream}/sim/counts`)).json();
  return { gateway: `http://${addresses.gateway}/v1`, upstream, control, counts, stop };
}
