#!/usr/bin/env python3
"""Streams with every event of each protocol, played by a provider word for word:
tests/e2e/streams.py BINARY [CASE...]. Where no rule may change anything, the body that the client
reads is the provider's, byte for byte, however the provider cuts it."""
import json
import os
import re
import sys

from wire import KEY, Node, Upstream, check, exchange, key_digest, main, request

BINARY = os.path.realpath(sys.argv[1])


def data(text):
    return f"data: {text}\n\n"


def event(name, **members):
    return f"event: {name}\ndata: {json.dumps({'type': name, **members}, ensure_ascii=False)}\n\n"


def chunk(choices, **more):
    return data(json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                            "model": "m-2026", "system_fingerprint": None, "choices": choices, **more}))


def delta(index=0, finish=None, logprobs=None, **members):
    return chunk([{"index": index, "delta": members, "logprobs": logprobs, "finish_reason": finish}],
                 service_tier="default", obfuscation="x7Q")


TOKEN = {"token": "Hi", "bytes": [72, 105], "logprob": -1.5e-05, "top_logprobs": [
    {"token": "Hi", "bytes": [72, 105], "logprob": -1.5e-05}]}
# Spelling that no writer of JSON would choose, and that a rewriting gateway would lose.
ODD = (r'data:{ "id" : "chatcmpl-1", "object":"chat.completion.chunk" ,"created":1,"model":"m\u002d2026",'
       r'"choices":[ {"delta":{"content":"\u00e9\/\ud83d\ude00 \u0000"},"index":0,"finish_reason":null}],'
       r'"odd":[1.0,-0,1E+2,12345678901234567890,0.10],"":{} }' + "\r\n\r\n")

CHAT = "".join([
    ": OPENROUTER PROCESSING\n\n", "retry: 3000\n\n", "id: 7\n",
    delta(role="assistant", content="", refusal=None), delta(content="Hello"),
    delta(content=" wörld 日本", logprobs={"content": [TOKEN], "refusal": None}), ODD,
    delta(reasoning_content="First,"), delta(reasoning=" then", reasoning_details=[
        {"type": "reasoning.encrypted", "data": "AAAA", "index": 0}]),
    delta(1, role="assistant", refusal="I can"), delta(1, refusal="not.", logprobs={
        "content": None, "refusal": [TOKEN]}),
    delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {
        "name": "f", "arguments": ""}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": "{\"a\":"}}, {
        "index": 1, "id": "call_2", "type": "custom", "custom": {"name": "g", "input": "x"}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": "1}"}}]),
    delta(function_call={"name": "old", "arguments": "{}"}),
    delta(audio={"id": "audio_1", "transcript": "Hel"}), delta(audio={"data": "UklGRg=="}),
    delta(audio={"expires_at": 1}), delta(annotations=[{"type": "url_citation", "url_citation": {
        "url": "https://example.com", "title": "t", "start_index": 0, "end_index": 5}}]),
    "event: unheard.of\n" + data('{"who":"knows"}'), ":\n\n",
    delta(finish="tool_calls"), delta(1, finish="content_filter"),
    chunk([], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
                     "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                     "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 0,
                                                   "accepted_prediction_tokens": 0}}),
    data("[DONE]")])


def text(piece, finish=None, logprobs=None, **more):
    return data(json.dumps({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
                            "choices": [{"text": piece, "index": 0, "logprobs": logprobs,
                                         "finish_reason": finish}], **more}))


COMPLETIONS = "".join([
    text("Once"), text(" upon", logprobs={"tokens": [" upon"], "token_logprobs": [-0.1],
                                          "top_logprobs": [{" upon": -0.1}], "text_offset": [4]}),
    ": ping\n\n", text(" ä", unknown={"a": [None, True]}), text("", "stop"),
    data('{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[],"usage":'
         '{"prompt_tokens":1,"completion_tokens":3,"total_tokens":4}}'),
    data("[DONE]")])


def block(index, delta=None, **start):
    if delta is None:
        return event("content_block_start", index=index, content_block=start)
    return event("content_block_delta", index=index, delta=delta)


def stop(index):
    return event("content_block_stop", index=index)


MESSAGES = "".join([
    event("message_start", message={"id": "msg_1", "type": "message", "role": "assistant",
                                    "model": "m", "content": [], "stop_reason": None,
                                    "stop_sequence": None, "usage": {
                                        "input_tokens": 1, "cache_creation_input_tokens": 0,
                                        "cache_read_input_tokens": 0, "output_tokens": 1}}),
    event("ping"),
    block(0, type="thinking", thinking="", signature=""),
    block(0, {"type": "thinking_delta", "thinking": "First, then."}),
    block(0, {"type": "signature_delta", "signature": "EqQBCgIYAhIM+/=="}), stop(0),
    block(1, type="redacted_thinking", data="EmwKAhgBEgy3va3pzix/LafPsn4a"), stop(1),
    block(2, type="text", text="", citations=[]), block(2, {"type": "text_delta", "text": "Hé"}),
    *[block(2, {"type": "citations_delta", "citation": one}) for one in (
        {"type": "char_location", "cited_text": "c", "document_index": 0, "document_title": None,
         "start_char_index": 0, "end_char_index": 1},
        {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": "t",
         "start_page_number": 1, "end_page_number": 2},
        {"type": "content_block_location", "cited_text": "c", "document_index": 0,
         "document_title": "t", "start_block_index": 0, "end_block_index": 1},
        {"type": "web_search_result_location", "cited_text": "c", "url": "https://example.com",
         "title": "t", "encrypted_index": "Eo8B"},
        {"type": "search_result_location", "cited_text": "c", "source": "s", "title": "t",
         "search_result_index": 0, "start_block_index": 0, "end_block_index": 1})],
    "event: ping\ndata: {\"type\": \"ping\"}\n\n", stop(2),
    block(3, type="tool_use", id="toolu_1", name="f", input={}),
    block(3, {"type": "input_json_delta", "partial_json": ""}),
    block(3, {"type": "input_json_delta", "partial_json": "{\"a\": \"\\u00e9\"}"}), stop(3),
    block(4, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    block(4, {"type": "input_json_delta", "partial_json": "{\"query\":\"x\"}"}), stop(4),
    block(5, type="web_search_tool_result", tool_use_id="srvtoolu_1", content=[
        {"type": "web_search_result", "title": "t", "url": "https://example.com",
         "encrypted_content": "AA==", "page_age": None}]), stop(5),
    block(6, type="code_execution_tool_result", tool_use_id="srvtoolu_2", content={
        "type": "code_execution_result", "stdout": "1\n", "stderr": "", "return_code": 0,
        "content": []}), stop(6),
    block(7, type="mcp_tool_use", id="mcptoolu_1", name="f", server_name="s", input={}), stop(7),
    block(8, type="mcp_tool_result", tool_use_id="mcptoolu_1", is_error=False, content=[
        {"type": "text", "text": "r"}]), stop(8),
    block(9, type="container_upload", file_id="file_1"), stop(9),
    block(10, type="unheard_of", depth=[[["x"]]]),
    block(10, {"type": "unheard_of_delta", "piece": "x"}), stop(10),
    event("unheard_of", who="knows"),
    event("message_delta", delta={"stop_reason": "pause_turn", "stop_sequence": None,
                                  "container": {"id": "c", "expires_at": "2026-01-01T00:00:00Z"}},
          usage={"output_tokens": 9, "server_tool_use": {"web_search_requests": 1}},
          context_management={"applied_edits": []}),
    event("message_stop")])


def responses():
    number = iter(range(1000))
    out = []

    def say(name, **members):
        out.append(event(f"response.{name}", sequence_number=next(number), **members))

    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": [],
            "status": "in_progress", "error": None, "incomplete_details": None, "metadata": {"k": "v"}}
    for name in ("created", "queued", "in_progress"):
        say(name, response=head)
    place = {"item_id": "i", "output_index": 0}
    say("output_item.added", output_index=0, item={"id": "i", "type": "reasoning", "summary": []})
    say("reasoning_summary_part.added", **place, summary_index=0, part={
        "type": "summary_text", "text": ""})
    say("reasoning_summary_text.delta", **place, summary_index=0, delta="First", obfuscation="q")
    say("reasoning_summary_text.done", **place, summary_index=0, text="First")
    say("reasoning_summary_part.done", **place, summary_index=0, part={
        "type": "summary_text", "text": "First"})
    say("reasoning_text.delta", **place, content_index=0, delta="hm")
    say("reasoning_text.done", **place, content_index=0, text="hm")
    thought = {"id": "i", "type": "reasoning", "encrypted_content": "gAAA", "summary": [
        {"type": "summary_text", "text": "First"}]}
    say("output_item.done", output_index=0, item=thought)
    place = {"item_id": "msg_1", "output_index": 1}
    say("output_item.added", output_index=1, item={"id": "msg_1", "type": "message",
                                                   "role": "assistant", "content": []})
    words = {**place, "content_index": 0}
    say("content_part.added", **words, part={"type": "output_text", "text": "", "annotations": []})
    say("output_text.delta", **words, delta="Hé", logprobs=[TOKEN], obfuscation="abc")
    for i, one in enumerate((
            {"type": "url_citation", "url": "https://example.com", "title": "t", "start_index": 0,
             "end_index": 1}, {"type": "file_citation", "file_id": "f", "filename": "n", "index": 0},
            {"type": "container_file_citation", "container_id": "c", "file_id": "f", "filename": "n",
             "start_index": 0, "end_index": 1}, {"type": "file_path", "file_id": "f", "index": 0})):
        say("output_text.annotation.added", **words, annotation_index=i, annotation=one)
    say("output_text.done", **words, text="Hé", logprobs=[TOKEN])
    say("content_part.done", **words, part={"type": "output_text", "text": "Hé", "annotations": []})
    refusal = {**place, "content_index": 1}
    say("content_part.added", **refusal, part={"type": "refusal", "refusal": ""})
    say("refusal.delta", **refusal, delta="No")
    say("refusal.done", **refusal, refusal="No")
    say("content_part.done", **refusal, part={"type": "refusal", "refusal": "No"})
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": "Hé", "annotations": []},
                           {"type": "refusal", "refusal": "No"}]}
    say("output_item.done", output_index=1, item=message)
    items = [thought, message]
    for kind, field, argument in (("function_call", "arguments", "function_call_arguments"),
                                  ("custom_tool_call", "input", "custom_tool_call_input"),
                                  ("mcp_call", "arguments", "mcp_call_arguments"),
                                  ("code_interpreter_call", "code", "code_interpreter_call_code")):
        at = {"item_id": kind, "output_index": len(items)}
        item = {"id": kind, "type": kind, "call_id": "c", "name": "f", "server_label": "s",
                "container_id": "c", field: ""}
        say("output_item.added", output_index=len(items), item=item)
        say(f"{argument}.delta", **at, delta="{\"a\":1}")
        say(f"{argument}.done", **at, **{field: "{\"a\":1}"})
        items.append({**item, field: "{\"a\":1}"})
        say("output_item.done", output_index=at["output_index"], item=items[-1])
    for kind, states in (("file_search_call", "in_progress searching completed"),
                         ("web_search_call", "in_progress searching completed"),
                         ("code_interpreter_call", "in_progress interpreting completed"),
                         ("image_generation_call", "in_progress generating completed"),
                         ("mcp_call", "in_progress completed failed"),
                         ("mcp_list_tools", "in_progress completed failed")):
        for state in states.split():
            say(f"{kind}.{state}", item_id=kind, output_index=9)
    say("image_generation_call.partial_image", item_id="g", output_index=9, partial_image_index=0,
        partial_image_b64="iVBORw0KGgo=", size="1x1", quality="low", output_format="png")
    for kind in ("local_shell_call", "computer_call", "mcp_approval_request", "unheard_of_call"):
        say("output_item.added", output_index=10, item={"id": kind, "type": kind, "action": {
            "type": "exec", "command": ["ls"]}})
    say("audio.delta", delta="UklGRg==")
    say("audio.transcript.delta", delta="Hel")
    say("audio.transcript.done")
    say("audio.done")
    say("unheard_of.delta", delta=["x"])
    out.append(event("keepalive", sequence_number=next(number)))
    say("completed", response={**head, "status": "completed", "output": items, "usage": {
        "input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 3}})
    return "".join(out)


STREAMS = {"chat": ("openai", "/v1/chat/completions", CHAT),
           "completions": ("openai", "/v1/completions", COMPLETIONS),
           "responses": ("openai", "/v1/responses", responses()),
           "messages": ("anthropic", "/v1/messages", MESSAGES)}

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"


def framed(pieces):
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def play(_head, body):
    """The stream that the request names, in pieces of so many bytes."""
    name, step = re.search(rb"@(\w+) (\d+)@", body).groups()
    stream = STREAMS[name.decode()][2].encode()
    step = int(step) or len(stream)
    return framed(stream[at:at + step] for at in range(0, len(stream), step))


def body_of(name, route, step, more=b""):
    say = f"@{name} {step}@"
    asks = {"chat": {"messages": [{"role": "user", "content": say}], "n": 2,
                     "stream_options": {"include_usage": True}},
            "completions": {"prompt": say}, "responses": {"input": say},
            "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": say}]}}
    return json.dumps({"model": route, "stream": True, **asks[name]}).encode()


# A rule that only warns changes nothing either, although everything is scanned.
RULES = """rulepack: wire-tests
version: 1.0.0
rules:
  - id: test.greeting
    class: unsafe_output
    on: [response, tool_arguments, reasoning]
    match: {pattern: 'Hell?o?'}
    state: live
    action: warn
    emergency: warn
    rationale: A word that the streams hold.
    refs: [{scheme: owasp-llm, edition: 2025, id: LLM05}]
    tests: {match: ['Hello'], pass: ['bye']}
"""


def config(port):
    providers = "".join(
        f'\n  - {{name: {name}, dialect: {name}, base_url: "http://127.0.0.1:{port}/v1"}}'
        for name in ("openai", "anthropic"))
    routes = "".join(
        f"\n  - {{name: {name}-{kind}, targets: [{{provider: {name}, model: m}}], rulepacks: [{packs}]}}"
        for name in ("openai", "anthropic") for kind, packs in (("plain", ""), ("warned", "wire-tests")))
    return f"""
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
threads: 1
providers:{providers}
rulepacks: {{files: [rules.yaml]}}
routes:{routes}
tenants: [{{name: acme, key_sha256: [{key_digest()}], routes: ['*']}}]
"""


def byte_for_byte(kind):
    upstream = Upstream(play)
    node = Node(BINARY, config(upstream.port), {"rules.yaml": RULES})
    try:
        for name, (dialect, path, stream) in STREAMS.items():
            for step in (0, 1, 7, 1000):
                ask = body_of(name, f"{dialect}-{kind}", step)
                more = b"Connection: close\r\nx-api-key: %s\r\nanthropic-version: 2023-06-01\r\n" % KEY.encode()
                answers = exchange(node.port, request(ask, path, more))
                check(len(answers) == 1 and answers[0][0] == 200, f"{name} {step}: {answers}")
                got, sent = answers[0][1], stream.encode()
                at = next((i for i, (a, b) in enumerate(zip(got, sent)) if a != b),
                          min(len(got), len(sent)))
                check(got == sent, f"{name} in pieces of {step} differs at {at}: "
                      f"{got[max(at - 60, 0):at + 90]!r} instead of {sent[max(at - 60, 0):at + 90]!r}")
    finally:
        node.stop()


def streams_without_rules_pass_byte_for_byte():
    byte_for_byte("plain")


def streams_under_rules_that_only_warn_pass_byte_for_byte():
    byte_for_byte("warned")


ERRORS = {
    "chat": data('{"error":{"message":"Overloaded.","type":"server_error","param":null,"code":null}}'),
    "completions": data('{"error":{"message":"Overloaded.","type":"server_error","code":null}}'),
    "responses": event("error", sequence_number=999, code="server_error", message="Overloaded.",
                       param=None),
    "messages": event("error", error={"type": "overloaded_error", "message": "Overloaded."}),
}


def what_came_before_an_error_passes_byte_for_byte():
    """Then comes one error in the caller's protocol, and no end."""
    def until_error(_head, body):
        name = re.search(rb"@(\w+) ", body)[1].decode()
        frames = re.split(r"(?<=\n\n)", STREAMS[name][2])[:-2]
        return framed([("".join(frames) + ERRORS[name]).encode()])

    upstream = Upstream(until_error)
    node = Node(BINARY, config(upstream.port), {"rules.yaml": RULES})
    try:
        for name, (dialect, path, stream) in STREAMS.items():
            frames = "".join(re.split(r"(?<=\n\n)", stream)[:-2]).encode()
            more = b"Connection: close\r\nanthropic-version: 2023-06-01\r\n"
            with_socket = raw(node.port, request(body_of(name, f"{dialect}-plain", 0), path, more))
            check(with_socket.startswith(b"HTTP/1.1 200"), with_socket[:300])
            check(not with_socket.endswith(b"0\r\n\r\n"), f"{name}: looks whole")
            got = unchunked(with_socket.partition(b"\r\n\r\n")[2])
            check(got.startswith(frames), f"{name}: {got[-300:]!r}")
            rest = got[len(frames):]
            check(rest.count(b"\n\n") == 1 and b"error" in rest, f"{name}: {rest!r}")
            check(b"[DONE]" not in rest and b"_stop" not in rest, rest)
    finally:
        node.stop()


def raw(port, bytes_):
    import socket
    out = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(bytes_)
        try:
            while piece := peer.recv(65536):
                out += piece
        except OSError:
            pass
    return out


def unchunked(rest):
    out = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size or int(size, 16) == 0:
            break
        out, rest = out + rest[:int(size, 16)], rest[int(size, 16) + 2:]
    return out


sys.exit(main([streams_without_rules_pass_byte_for_byte,
               streams_under_rules_that_only_warn_pass_byte_for_byte,
               what_came_before_an_error_passes_byte_for_byte], sys.argv[2:]))
