#include "cli/internal/session.h"

#include "base/hex.h"
#include "net/fetch.h"
#include "net/http1.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

namespace cordon::cli::internal {
namespace {

constexpr std::string_view kDefaultServer = "http://127.0.0.1:8081";
constexpr std::size_t kTokenFileBytesMax = 4096;

std::string trimmed(std::string text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_blank(text.back())) text.pop_back();
  std::size_t begin = 0;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  return text.substr(begin);
}

Answer<std::string> read_token(const Environment& environment, const Values& values) {
  std::string token;
  if (const auto file = values.optional("token-file")) {
    CORDON_TRY(std::string text, read_file(*file, kTokenFileBytesMax));
    token = trimmed(std::move(text));
    if (token.empty()) return fail(Errc::invalid, *file + ": found nothing, expected a token");
  } else {
    token = trimmed(environment.variable("CORDON_TOKEN").value_or(""));
  }
  if (!net::is_valid_value(token)) {
    return fail(Errc::invalid, "the token holds characters that no token has; expected one line");
  }
  return token;
}

std::size_t terminal_width(const Environment& environment) {
  if (environment.out != nullptr || ::isatty(STDOUT_FILENO) == 0) return 0;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

/// The exit code of a problem document's code.
int exit_of(std::string_view code) {
  for (int i = 0; i <= static_cast<int>(Errc::exhausted); ++i) {
    if (to_string(static_cast<Errc>(i)) == code) return cordon::exit_code(static_cast<Errc>(i));
  }
  return 0;
}

int exit_of(int status) {
  switch (status) {
    case 404:
      return cordon::exit_code(Errc::not_found);
    case 409:
      return cordon::exit_code(Errc::conflict);
    case 429:
      return cordon::exit_code(Errc::exhausted);
    default:
      return cordon::exit_code(status >= 500 ? Errc::unavailable : Errc::invalid);
  }
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Session::Session(const Environment& environment, Remote remote, bool json)
    : environment_(environment),
      remote_(std::move(remote)),
      json_(json),
      width_(terminal_width(environment)) {}

Answer<Session> Session::open(const Environment& environment, const Command& command,
                              const Values& values) {
  if (command.reach == Reach::local) {
    const auto parameters = parameters_of(command);
    const bool may = std::any_of(parameters.begin(), parameters.end(),
                                 [](const Parameter& one) { return one.name == "json"; });
    return Session(environment, {}, may && values.flag("json"));
  }
  Remote remote;
  remote.server = values.text_or(
      "server", environment.variable("CORDON_SERVER").value_or(std::string(kDefaultServer)));
  if (remote.server.ends_with('/')) remote.server.pop_back();
  const auto url = net::parse_url(remote.server);
  if (!url || url->target != "/") {
    return tl::make_unexpected(Failure{
        kExitUsage, "the server: expected a URL like http://127.0.0.1:8081 without a path"});
  }
  CORDON_TRY(remote.token, read_token(environment, values));
  return Session(environment, std::move(remote), values.flag("json"));
}

Answer<Reply> Session::send(std::string_view method, std::string_view target, std::string body) {
  net::Request request;
  request.method = std::string(method);
  request.url = remote_.server + std::string(target);
  request.headers.emplace_back("accept", "application/json");
  if (!remote_.token.empty()) {
    request.headers.emplace_back("authorization", "Bearer " + remote_.token);
  }
  if (!body.empty()) request.headers.emplace_back("content-type", "application/json");
  request.body = std::move(body);
  auto answer = net::fetch(request);
  if (!answer) {
    return fail(answer.error().code, fmt::format("{}: {}; is `cordon serve` running there?",
                                                 remote_.server, answer.error().detail));
  }
  if (answer->status < 200 || answer->status > 299) {
    return tl::make_unexpected(refusal(answer->status, answer->body));
  }
  Reply reply{answer->status, std::move(answer->body), {}};
  if (answer->header("content-type").find("json") != std::string_view::npos) {
    auto json = codec::parse_json(reply.body, {std::size_t{64} << 20U, 64});
    if (!json) {
      return fail(Errc::corrupt, "the server's answer is not JSON: " + json.error().detail);
    }
    reply.json = *std::move(json);
  }
  return reply;
}

Answer<Reply> Session::get(std::string_view target) {
  return send("GET", target, {});
}

Answer<Reply> Session::post(std::string_view target, const codec::Json& body) {
  return send("POST", target, codec::write_json(body));
}

Done Session::show(const Answer<Reply>& reply, Render render) {
  if (!reply) return tl::make_unexpected(reply.error());
  if (json_) {
    print(reply->body);
    if (!reply->body.ends_with('\n')) print("\n");
  } else {
    render(*this, reply->json);
  }
  return {};
}

Done Session::show_items(const Answer<Reply>& reply, const std::vector<Column>& columns,
                         std::string_view none) {
  if (!reply || json_) return show(reply, nullptr);
  const auto items = reply->json.find("items");
  if (items == reply->json.end() || !items->is_array()) {
    return fail(Errc::corrupt, "the server's answer has no list 'items'");
  }
  const Table table = make_table(*items, columns);
  if (table.empty()) {
    print_line(none);
  } else {
    print(table.text(width_));
  }
  return {};
}

void Session::print(std::string_view text) {
  (environment_.out != nullptr ? *environment_.out : std::cout) << text << std::flush;
}

void Session::print_line(std::string_view text) {
  print(std::string(text) + "\n");
}

void Session::note(std::string_view text) {
  (environment_.error != nullptr ? *environment_.error : std::cerr) << text << "\n";
}

Failure refusal(int status, std::string_view body) {
  std::string detail;
  int exit = 0;
  if (const auto problem = codec::parse_json(body); problem && problem->is_object()) {
    detail = internal::show(*problem, "detail");
    exit = exit_of(internal::show(*problem, "code"));
  }
  if (detail.empty() || detail == "-") {
    detail = fmt::format("the server answered {} {} without saying why", status,
                         net::reason_phrase(status));
  }
  if (status == 401 || status == 403) {
    return {kExitRefused, printable(detail) + (status == 401 ? "; give --token-file FILE or set "
                                                               "CORDON_TOKEN"
                                                             : "")};
  }
  return {exit != 0 ? exit : exit_of(status), printable(detail)};
}

std::string segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string query(std::string_view key, std::string_view value) {
  return segment(key) + "=" + segment(value);
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return fail(Errc::not_found, path.string() + ": no such file");
  }
  if (std::filesystem::is_directory(status)) {
    return fail(Errc::invalid, path.string() + ": found a directory, expected a file");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (!file.is_open() || file.bad()) {
    return fail(Errc::unavailable, path.string() + ": cannot be read");
  }
  if (text.size() > max) {
    return fail(Errc::exhausted, fmt::format("{}: more than {} bytes", path.string(), max));
  }
  return text;
}

Status write_private(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return fail(Errc::conflict, path + ": cannot be made; expected that no such file exists yet");
  }
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(file) != 0 || !written) return fail(Errc::unavailable, path + ": cannot be written");
  return {};
}

}  // namespace cordon::cli::internal
