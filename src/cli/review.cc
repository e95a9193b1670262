#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kTextBytesMax = 512 * 1024;

void print_lines(Session& session, std::string_view rest) {
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    session.print_line(printable(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void print_findings(Session& session, const codec::Json& findings) {
  if (findings.empty()) return;
  session.print(make_table(findings, {{"LINE", "line"}, {"FOUND", "found"}, {"ADVICE", "advice"}})
                    .text(session.width()));
}

void print_review(Session& session, const codec::Json& review) {
  const auto text = review.find("text");
  if (text != review.end() && text->is_string()) {
    print_lines(session, text->get_ref<const std::string&>());
    session.print_line("");
  }
  session.print(make_list(review, {{"review of", "incident"},
                                   {"status", "status"},
                                   {"draft", "draft"},
                                   {"by", "by"},
                                   {"reviewed by", "reviewed_by"},
                                   {"assertions", "assertions"},
                                   {"advice", "lint"},
                                   {"kept because", "kept_because"},
                                   {"digest", "digest"}}));
  const auto findings = review.find("findings");
  if (findings != review.end()) print_findings(session, *findings);
}

void print_lint(Session& session, const codec::Json& lint) {
  print_findings(session, lint.value("items", codec::Json::array()));
  session.print(make_list(lint, {{"assertions", "assertions"}, {"controls", "controls"}}));
}

std::string path_of(const Values& values, std::string_view act) {
  return "/api/v1/incidents/" + segment(values.text("incident")) + "/review" + std::string(act);
}

Done draft(Session& session, const Values& values) {
  codec::Json body = codec::Json::object();
  if (const auto file = values.optional("text-file")) {
    CORDON_TRY(std::string text, read_file(*file, kTextBytesMax));
    body["text"] = std::move(text);
  }
  if (const auto keep = values.optional("keep-because")) body["keep_because"] = *keep;
  return session.show(session.post(path_of(values, ""), body), print_review);
}

Done show(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "")), print_review);
}

Done lint(Session& session, const Values& values) {
  CORDON_TRY(std::string text, read_file(values.text("text-file"), kTextBytesMax));
  return session.show(session.post(path_of(values, "/lint"), {{"text", std::move(text)}}),
                      print_lint);
}

Done move(Session& session, const Values& values, std::string_view to) {
  const codec::Json body = {{"to", to}, {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/move"), body), print_review);
}
Done submit(Session& session, const Values& values) {
  return move(session, values, "in_review");
}
Done accept(Session& session, const Values& values) {
  return move(session, values, "reviewed");
}
Done send_back(Session& session, const Values& values) {
  return move(session, values, "draft");
}
Done close(Session& session, const Values& values) {
  return move(session, values, "closed");
}

constexpr Parameter incident() {
  return {Form::positional, Presence::required, "incident", "ID", "like INC-2026-00001"};
}
constexpr Parameter reason() {
  return {Form::option, Presence::required, "reason", "TEXT", "why, for the record"};
}

}  // namespace

std::vector<Command> review_commands() {
  return {
      {.path = "review draft",
       .summary = "Draft the review from facts, or keep your own text of it",
       .example = "review draft INC-2026-00001",
       .parameters = {incident(),
                      {Form::option, Presence::optional, "text-file", "FILE",
                       "Markdown; cite entries of the incident as [id]"},
                      {Form::option, Presence::optional, "keep-because", "TEXT",
                       "why wording that the lint advises against stays"}},
       .run = draft},
      {.path = "review show",
       .summary = "The review, with what the lint advises",
       .example = "review show INC-2026-00001",
       .parameters = {incident()},
       .run = show},
      {.path = "review lint",
       .summary = "Check a text without keeping it: blame, citations, controls",
       .example = "review lint INC-2026-00001 --text-file review.md",
       .parameters = {incident(),
                      {Form::option, Presence::required, "text-file", "FILE", "Markdown"}},
       .run = lint},
      {.path = "review submit",
       .summary = "Ask for somebody else to review it",
       .example = "review submit INC-2026-00001 --reason 'facts complete'",
       .parameters = {incident(), reason()},
       .run = submit},
      {.path = "review accept",
       .summary = "It is reviewed; a second person says so",
       .example = "review accept INC-2026-00001 --reason 'causes name controls'",
       .parameters = {incident(), reason()},
       .run = accept},
      {.path = "review return",
       .summary = "Send it back to its author",
       .example = "review return INC-2026-00001 --reason 'no cause for the second leak'",
       .parameters = {incident(), reason()},
       .run = send_back},
      {.path = "review close",
       .summary = "Close it, after its incident",
       .example = "review close INC-2026-00001 --reason 'actions are tracked'",
       .parameters = {incident(), reason()},
       .run = close},
  };
}

}  // namespace cordon::cli::internal
