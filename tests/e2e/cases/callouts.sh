# Decisions for other gateways, seen from outside; read by tests/e2e/run.
# shellcheck shell=bash disable=SC2154

# case callouts_answer_each_peers_published_payload
# The questions and answers are those of docs/formats/callouts.md, as they stand there.
case_callouts_answer_each_peers_published_payload() {
  timeout 120 python3 "$root/tests/e2e/callouts.py" "$binary" published
}

# case callouts_refuse_bad_questions_in_the_peers_form
case_callouts_refuse_bad_questions_in_the_peers_form() {
  timeout 120 python3 "$root/tests/e2e/callouts.py" "$binary" refused
}
