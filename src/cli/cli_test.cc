#include "cli/internal/command.h"
#include "cli/internal/session.h"
#include "crypto/sha256.h"
#include "net/loop.h"
#include "net/server.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cordon::cli::internal {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kSecret = "cordon-secret-0123456789abcdef";
constexpr const char* kState =
    R"({"node":"n1","generation":3,"digest":"ab","journal":{"durable":9},)"
    R"("log":{"origin":"n1/log","size":9,"root":"cd"},"modes":[],"fallbacks":[],)"
    R"("switches":[{"id":"s1","scope":"route=support","state":"in_force","by":"person:anna",)"
    R"("expires_at":"2026-11-23T22:00:00.000000000Z","reason":"leak"}]})";

/// Answers every request alike and keeps the last one. Runs on a thread of its own.
class SaidServer final : public net::Handler {
 public:
  SaidServer(int status, std::string type, std::string body)
      : status_(status), type_(std::move(type)), body_(std::move(body)), scope_(loop_) {
    server_ = net::Server::listen(loop_, *this, {}).value();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~SaidServer() override {
    loop_.post([this] { net::spawn(scope_, end()); });
    thread_.join();
  }
  SaidServer(const SaidServer&) = delete;
  SaidServer& operator=(const SaidServer&) = delete;

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port());
  }
  /// `METHOD target authorization body` of the last request.
  [[nodiscard]] std::string heard() const {
    const std::scoped_lock lock(mutex_);
    return heard_;
  }

  net::Task<void> handle(net::ServerExchange& exchange) override {
    std::string heard(exchange.request().method);
    heard.append(" ").append(exchange.request().target);
    heard.append(" ").append(exchange.request().header("authorization")).append(" ");
    const auto body = co_await exchange.read_body(1 << 20);
    if (!body) co_return;
    heard.append(*body);
    {
      const std::scoped_lock lock(mutex_);
      heard_ = std::move(heard);
    }
    const std::array<net::Header, 1> headers = {{{"content-type", type_}}};
    (void)co_await exchange.respond(status_, headers, body_);
  }

 private:
  net::Task<void> end() {
    const std::chrono::milliseconds at_once{0};
    co_await server_->stop(at_once);
    loop_.stop();
  }

  const int status_;
  const std::string type_;
  const std::string body_;
  SystemClock clock_;
  net::Loop loop_{clock_};
  net::Scope scope_;
  std::unique_ptr<net::Server> server_;
  mutable std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

/// What one run of the command line did.
struct Ran {
  int code = 0;
  std::string out;
  std::string error;
};

/// The world of one run: its variables, and what `serve` was asked for.
struct World {
  std::map<std::string, std::string, std::less<>> variables;
  std::vector<ServeArguments> served;
  int serve_code = 0;

  Ran run(const std::vector<std::string>& words) {
    const SystemClock clock;
    SeededRandom random(7);
    std::ostringstream out;
    std::ostringstream error;
    const Environment environment{
        .clock = clock,
        .random = random,
        .variable = [this](const char* name) -> std::optional<std::string> {
          const auto found = variables.find(name);
          return found == variables.end() ? std::nullopt : std::optional(found->second);
        },
        .serve =
            [this](const ServeArguments& arguments) {
              served.push_back(arguments);
              return serve_code;
            },
        .executable = "/nowhere/cordon",
        .version = "9.9.9",
        .out = &out,
        .error = &error};
    std::vector<const char*> pointers{"cordon"};
    for (const std::string& word : words) pointers.push_back(word.c_str());
    const int code = cli::run(static_cast<int>(pointers.size()), pointers.data(), environment);
    return {code, out.str(), error.str()};
  }
};

class Files : public testing::Test {
 protected:
  Files() {
    char name[] = "/tmp/cordon-cli-test-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  ~Files() override { std::filesystem::remove_all(dir_); }
  std::string write(const std::string& name, std::string_view text) {
    const auto path = dir_ / name;
    std::ofstream(path) << text;
    return path;
  }
  std::filesystem::path dir_;
};
using CliFiles = Files;

std::vector<std::string> words_of(std::string_view path) {
  std::vector<std::string> words;
  std::istringstream in{std::string(path)};
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

TEST(CliHelp, EveryCommandExplainsItselfWithAnExample) {
  World world;
  for (const Command& command : commands()) {
    auto words = words_of(command.path);
    words.emplace_back("--help");
    const Ran ran = world.run(words);
    EXPECT_EQ(ran.code, 0) << command.path;
    EXPECT_THAT(ran.out, HasSubstr("Example:\n  cordon " + std::string(command.example)));
    EXPECT_THAT(ran.out, HasSubstr(std::string(command.summary).substr(0, 30)));
    EXPECT_THAT(command.example, StartsWith(command.path)) << "an example of another command";
  }
}

TEST(CliHelp, EveryExampleIsOneThatTheParserTakes) {
  for (const Command& command : commands()) {
    const std::string example(command.example);
    std::vector<std::string> words;
    std::string word;
    bool quoted = false;
    for (const char c : example.substr(0, example.find(" >")) + " ") {
      if (c == '\'') {
        quoted = !quoted;
      } else if (c == ' ' && !quoted) {
        if (!word.empty()) words.push_back(std::exchange(word, ""));
      } else {
        word += c;
      }
    }
    const auto parsed = parse(words);
    ASSERT_TRUE(parsed.has_value()) << command.path << ": " << parsed.error().detail;
    ASSERT_NE(parsed->command, nullptr) << command.path;
    EXPECT_EQ(parsed->command->path, command.path);
  }
}

TEST(CliHelp, EveryGroupIsExplained) {
  World world;
  const std::string root = world.run({"--help"}).out;
  for (const Command& command : commands()) {
    const std::string first(command.path.substr(0, command.path.find(' ')));
    EXPECT_THAT(root, HasSubstr("  " + first));
    if (first != command.path) {
      EXPECT_FALSE(group_summary(first).empty()) << first;
    }
  }
}

TEST(CliHelp, TheReferencePageNamesEveryCommandAndParameter) {
  // Tests run in the source tree.
  std::ifstream file("docs/reference/cli.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  for (const Command& command : commands()) {
    EXPECT_THAT(page, HasSubstr("`cordon " + std::string(command.path))) << command.path;
    for (const Parameter& parameter : command.parameters) {
      if (parameter.form == Form::positional) continue;
      EXPECT_THAT(page, HasSubstr("--" + std::string(parameter.name))) << command.path;
    }
  }
}

TEST(CliUsage, WrongWordsExitWithTwoAndSayWhereToLook) {
  World world;
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"frobnicate"},
      {"token"},
      {"token", "frobnicate"},
      {"switch", "set", "route=a", "--reason", "x"},
      {"switch", "set", "--reason", "x", "--expires-in", "1h"},
      {"mode", "set", "route=a", "panic", "--reason", "x", "--expires-in", "1h"},
      {"state", "--frobnicate"},
      {"state", "--server", "ftp://x"},
      {"state", "--server", "http://127.0.0.1:1/prefix"},
      {"api", "DELETE", "/api/v1/state"},
      {"api", "GET", "api/v1/state"},
      {"journal", "show", "/nowhere", "--from", "-1"},
      {"journal", "show", "/nowhere", "--kind", "gossip"},
      {"mitigation", "declare", "INC-2026-00001", "--scope", "route=a", "--below", "1.5"},
      {"incident", "move", "INC-2026-00001", "merged", "--reason", "x"},
      {"sim", "--port", "70000"},
  };
  for (const auto& words : wrong) {
    const Ran ran = world.run(words);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(words) << ran.error;
    EXPECT_THAT(ran.error, StartsWith("cordon: "));
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_THAT(world.run({"switch", "set", "route=a", "--reason", "x"}).error,
              HasSubstr("--expires-in is required; see: cordon switch set --help"));
  EXPECT_THAT(world.run({"state", "--frobnicate"}).error,
              HasSubstr("found unknown --frobnicate; see: cordon state --help"));
}

TEST(CliToken, IsRefusedAsAnArgumentAndNeverRepeated) {
  World world;
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"state", "--token", kSecret},
                                             {"state", std::string("--token=") + kSecret},
                                             {"state", kSecret},
                                             {"state", std::string("--tokn=") + kSecret},
                                             {"token", "list", "--token-flie", kSecret}}) {
    const Ran ran = world.run(words);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(words);
    EXPECT_THAT(ran.error, Not(HasSubstr(kSecret)));
  }
  EXPECT_THAT(world.run({"state", "--token", kSecret}).error, HasSubstr("--token-file"));
}

TEST_F(CliFiles, TokenComesFromFileOrVariableAndStaysOutOfErrors) {
  World world;
  SaidServer refusing(403, "application/problem+json",
                      R"({"type":"about:blank","title":"Forbidden","status":403,)"
                      R"("code":"forbidden","detail":"this takes the role admin"})");
  const std::string file = write("token", std::string(kSecret) + "\n");
  Ran ran = world.run({"token", "list", "--server", refusing.url(), "--token-file", file});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.error, "cordon: this takes the role admin\n");
  EXPECT_THAT(refusing.heard(), HasSubstr(std::string("Bearer ") + kSecret));

  world.variables = {{"CORDON_TOKEN", "another-token"}, {"CORDON_SERVER", refusing.url()}};
  ran = world.run({"token", "list"});
  EXPECT_THAT(refusing.heard(), HasSubstr("Bearer another-token"));
  EXPECT_THAT(ran.error, Not(HasSubstr("another-token")));

  world.variables["CORDON_TOKEN"] = "two\nlines";
  ran = world.run({"token", "list"});
  EXPECT_EQ(ran.code, exit_code(Errc::invalid));
  EXPECT_THAT(ran.error, Not(HasSubstr("two")));
  EXPECT_EQ(world.run({"state", "--token-file", write("empty", "")}).code,
            exit_code(Errc::invalid));
  EXPECT_EQ(world.run({"state", "--token-file", dir_ / "none"}).code, exit_code(Errc::not_found));
}

TEST(CliErrors, ProblemsBecomeExitCodesWithTheirDetail) {
  const std::vector<std::tuple<int, std::string, int>> cases = {
      {400, "invalid", 10},        {404, "not_found", 11},   {409, "conflict", 12},
      {500, "corrupt", 13},        {503, "unavailable", 14}, {429, "exhausted", 15},
      {401, "unauthenticated", 1}, {403, "forbidden", 1}};
  for (const auto& [status, code, exit] : cases) {
    const Failure failure =
        refusal(status, codec::write_json({{"code", code}, {"detail", "found A, expected B"}}));
    EXPECT_EQ(failure.exit_code, exit) << code;
    EXPECT_THAT(failure.detail, StartsWith("found A, expected B"));
  }
}

TEST(CliErrors, AnAnswerThatIsNoProblemDocumentStillSaysWhatCame) {
  EXPECT_EQ(refusal(502, "<html>").detail,
            "the server answered 502 Bad Gateway without saying why");
  EXPECT_EQ(refusal(502, "<html>").exit_code, exit_code(Errc::unavailable));
  EXPECT_EQ(refusal(404, "").exit_code, exit_code(Errc::not_found));
  EXPECT_EQ(refusal(418, R"({"detail":7})").exit_code, exit_code(Errc::invalid));
  EXPECT_THAT(refusal(400, R"({"code":"invalid","detail":"a\u001b[2Jb"})").detail,
              HasSubstr("a\\x1b[2Jb"));
}

TEST(CliErrors, NobodyListeningIsUnavailableAndNamesTheServer) {
  World world;
  std::string gone;
  {
    SaidServer server(200, "application/json", "{}");
    gone = server.url();
  }
  const Ran ran = world.run({"state", "--server", gone});
  EXPECT_EQ(ran.code, exit_code(Errc::unavailable));
  EXPECT_THAT(ran.error, HasSubstr(gone));
  EXPECT_THAT(ran.error, HasSubstr("cordon serve"));
}

TEST(CliOutput, JsonIsTheServersBytesUnchanged) {
  World world;
  // Odd spacing, an unknown key, an odd order: whatever came goes out.
  const std::string body = "{\"node\" : \"n1\",\n \"new_key\":[1,2],\"generation\":3}";
  SaidServer server(200, "application/json", body);
  const Ran ran = world.run({"state", "--json", "--server", server.url()});
  EXPECT_EQ(ran.code, 0) << ran.error;
  EXPECT_EQ(ran.out, body + "\n");
}

TEST(CliOutput, PeopleGetTablesAndTimesInUtc) {
  World world;
  SaidServer server(200, "application/json", kState);
  const Ran ran = world.run({"state", "--server", server.url()});
  EXPECT_EQ(ran.code, 0) << ran.error;
  EXPECT_THAT(ran.out, HasSubstr("journal entries  9\n"));
  EXPECT_THAT(ran.out, HasSubstr("modes in force: none\n"));
  EXPECT_THAT(ran.out, HasSubstr("s1  route=support  -     in_force  person:anna  2026-11-23 "
                                 "22:00:00Z  leak\n"));
}

TEST(CliOutput, AnAnswerThatIsNotJsonIsCorrupt) {
  World world;
  SaidServer server(200, "application/json", "{\"a\":1,\"a\":2}");
  EXPECT_EQ(world.run({"state", "--server", server.url()}).code, exit_code(Errc::corrupt));
  SaidServer list(200, "application/json", "{}");
  EXPECT_EQ(world.run({"incident", "list", "--server", list.url()}).code, exit_code(Errc::corrupt));
}

TEST(CliCalls, ReachTheServerAsTheApiNamesThem) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"switch set route=a,tenant=b --reason r --expires-in 1h --incident INC-2026-00001",
       R"(POST /api/v1/switches  {"reason":"r","expires_in":"1h","incident":"INC-2026-00001",)"
       R"("scope":"route=a,tenant=b"})"},
      {"mode set route=a emergency --reason r --expires-in 1h",
       R"(POST /api/v1/modes  {"reason":"r","expires_in":"1h","scope":"route=a",)"
       R"("mode":"emergency"})"},
      {"fallback set a --reason r --expires-in 1h",
       R"(POST /api/v1/fallbacks  {"reason":"r","expires_in":"1h","route":"a"})"},
      {"containment release ../x --reason r",
       R"(POST /api/v1/containments/..%2Fx/release  {"reason":"r"})"},
      {"containment renew x --reason r --expires-in 2h",
       R"(POST /api/v1/containments/x/renew  {"reason":"r","expires_in":"2h"})"},
      {"token mint anna --role responder --role commander --expires-in 1h",
       R"(POST /api/v1/tokens  {"person":"anna","roles":["responder","commander"],)"
       R"("expires_in":"1h"})"},
      {"key issue acme --name billing --route a --route b --expires-in 90d",
       R"(POST /api/v1/keys  {"tenant":"acme","name":"billing","routes":["a","b"],)"
       R"("expires_in":"90d"})"},
      {"key issue acme --requests-per-day 100 --cost-per-day 2.50",
       R"(POST /api/v1/keys  {"tenant":"acme","limits":{"requests_per_day":100,)"
       R"("cost_per_day":"2.50"}})"},
      {"usage", "GET /api/v1/usage?since=24h&by=tenant  "},
      {"usage --since 7d --by model --csv", "GET /api/v1/usage?since=7d&by=model  "},
      {"key issue acme", R"(POST /api/v1/keys  {"tenant":"acme"})"},
      {"key rotate ../x --overlap 24h", R"(POST /api/v1/keys/..%2Fx/rotate  {"overlap":"24h"})"},
      {"key expire x --expires-in 1h --reason r",
       R"(POST /api/v1/keys/x/expire  {"expires_in":"1h","reason":"r"})"},
      {"key revoke x --reason r", R"(POST /api/v1/keys/x/revoke  {"reason":"r"})"},
      {"incident commander INC-2026-00001 --propose ben",
       R"(POST /api/v1/incidents/INC-2026-00001/commander  {"person":"ben"})"},
      {"mitigation declare I --scope route=a --below 0.05",
       R"(POST /api/v1/incidents/I/mitigations  {"metric":"delivered_hit_rate",)"
       R"("scope":"route=a","comparator":"<","value":0.05,"window":"60s","min_samples":30})"},
      {"traffic --route a&b", "GET /api/v1/traffic?window=60s&route=a%26b  "},
      {"evidence freeze I", "POST /api/v1/incidents/I/evidence  {}"},
      {"api POST /api/v1/switches --data {}", "POST /api/v1/switches  {}"},
  };
  World world;
  SaidServer server(200, "application/json", "{}");
  world.variables["CORDON_SERVER"] = server.url();
  for (const auto& [line, heard] : cases) {
    const Ran ran = world.run(words_of(line));
    EXPECT_EQ(ran.code, 0) << line << ": " << ran.error;
    EXPECT_EQ(server.heard(), heard) << line;
  }
}

TEST_F(CliFiles, AMintedTokenGoesToAPrivateFileAndNotToTheScreen) {
  World world;
  SaidServer server(201, "application/json",
                    std::string(R"({"id":"t1","token":")") + kSecret +
                        R"(","person":"anna","roles":["viewer"],"expires_at":"x"})");
  const std::string file = dir_ / "anna.token";
  const std::vector<std::string> words = {"token",  "mint",         "anna",      "--role",
                                          "viewer", "--expires-in", "1h",        "--out",
                                          file,     "--server",     server.url()};
  const Ran ran = world.run(words);
  EXPECT_EQ(ran.code, 0) << ran.error;
  EXPECT_THAT(ran.out + ran.error, Not(HasSubstr(kSecret)));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(*read_file(file, 100), std::string(kSecret) + "\n");
  // A second time the file is there, so nothing is minted that could not be kept.
  EXPECT_EQ(world.run(words).code, exit_code(Errc::conflict));
}

TEST_F(CliFiles, AnIssuedKeyGoesToAPrivateFileAndNotToTheScreen) {
  World world;
  SaidServer server(201, "application/json",
                    std::string(R"({"key":{"id":"k1","tenant":"acme","state":"in_force"},)") +
                        R"("receipt":{"generation":2,"nodes":[]},"secret":")" + kSecret + "\"}");
  const std::string file = dir_ / "acme.key";
  const std::vector<std::string> words = {"key", "issue",    "acme",      "--out",
                                          file,  "--server", server.url()};
  const Ran ran = world.run(words);
  EXPECT_EQ(ran.code, 0) << ran.error;
  EXPECT_THAT(ran.out + ran.error, Not(HasSubstr(kSecret)));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(*read_file(file, 100), std::string(kSecret) + "\n");
  EXPECT_EQ(world.run(words).code, exit_code(Errc::conflict));
  const Ran shown = world.run({"key", "rotate", "k1", "--overlap", "0s", "--server", server.url()});
  EXPECT_THAT(shown.out, HasSubstr(kSecret));
  EXPECT_THAT(shown.error, HasSubstr("shown this once"));
}

TEST(CliServe, HandsItsArgumentsOnAndItsExitCodeBack) {
  World world;
  world.serve_code = 14;
  EXPECT_EQ(
      world.run({"serve", "--config", "c.yaml", "--data", "d", "--admin-token-file", "t"}).code,
      14);
  ASSERT_EQ(world.served.size(), 1U);
  EXPECT_EQ(world.served[0].config_file, "c.yaml");
  EXPECT_EQ(world.served[0].data_dir, "d");
  EXPECT_EQ(world.served[0].admin_token_file, "t");
  EXPECT_TRUE(world.served[0].addresses_file.empty());
}

TEST_F(CliFiles, ConfigCheckNamesThePlaceOfAnUnknownKey) {
  World world;
  EXPECT_EQ(world.run({"config", "check", write("good.yaml", "node: n1\n")}).code, 0);
  const std::string bad = write("bad.yaml", "node: n1\nrouts: []\n");
  const Ran ran = world.run({"config", "check", bad});
  EXPECT_EQ(ran.code, exit_code(Errc::invalid));
  EXPECT_THAT(ran.error, HasSubstr(bad + ":2:1: "));
  EXPECT_THAT(ran.error, HasSubstr("routes"));
  const std::string twice = write("twice.yaml", "node: a\nnode: b\n");
  EXPECT_THAT(world.run({"config", "check", twice}).error, HasSubstr(twice + ":2:1: "));
}

TEST_F(CliFiles, RulepackCheckLooksAtEveryFile) {
  World world;
  const std::string bad = write("bad.yaml", "rulepack: x\nversion: 1\nrules: 7\n");
  const std::string worse = write("worse.yaml", "nonsense\n");
  const Ran ran = world.run({"rulepack", "check", bad, worse});
  EXPECT_EQ(ran.code, exit_code(Errc::invalid));
  EXPECT_THAT(ran.error, HasSubstr(bad + ":3:"));
  EXPECT_THAT(ran.error, HasSubstr(worse + ":1:"));
}

TEST(CliRulepack, BuiltinShowsTheBuiltInPacks) {
  World world;
  const Ran ran = world.run({"rulepack", "builtin"});
  EXPECT_EQ(ran.code, 0) << ran.error;
  EXPECT_THAT(ran.out, HasSubstr("core-leakage"));
  EXPECT_THAT(ran.out, HasSubstr("core-injection"));
}

TEST(CliKey, NewPrintsAKeyWithItsHash) {
  World world;
  const Ran ran = world.run({"key", "new"});
  const std::string key = ran.out.substr(8, ran.out.find('\n') - 8);
  EXPECT_THAT(key, StartsWith("ck-"));
  EXPECT_THAT(ran.out, HasSubstr("sha256  " + crypto::hex(crypto::sha256(key))));
}

TEST_F(CliFiles, OfflineToolsSayWhatIsMissing) {
  World world;
  EXPECT_EQ(world.run({"verify", dir_ / "none"}).code, exit_code(Errc::not_found));
  EXPECT_EQ(world.run({"config", "check", dir_ / "none"}).code, exit_code(Errc::not_found));
  EXPECT_EQ(world.run({"config", "check", dir_}).code, exit_code(Errc::invalid));
  EXPECT_EQ(world.run({"sim", "--leaks", write("l", "not json\n")}).code, exit_code(Errc::invalid));
  EXPECT_EQ(world.run({"verify", dir_, "--key", "nonsense"}).code, exit_code(Errc::invalid));
  EXPECT_EQ(world.run({"verify", dir_, "--key", "a", "--key-file", "b"}).code, 2);
}

TEST_F(CliFiles, DemoRefusesADirectoryThatItDidNotMake) {
  World world;
  write("precious.txt", "keep me");
  const Ran ran = world.run({"demo", "--out", dir_});
  EXPECT_EQ(ran.code, exit_code(Errc::conflict));
  EXPECT_EQ(*read_file(dir_ / "precious.txt", 100), "keep me");
}

TEST(CliCompletion, KnowsEveryCommandAndIsAcceptedByBash) {
  World world;
  const Ran ran = world.run({"completion", "bash"});
  for (const Command& command : commands()) {
    EXPECT_THAT(ran.out, HasSubstr("'" + std::string(command.path) + "')"));
  }
  const std::string command = "bash -c '" + [&ran] {
    std::string script = ran.out +
                         "\nCOMP_WORDS=(cordon switch \"\"); COMP_CWORD=2; _cordon; "
                         "echo \"${COMPREPLY[*]}\"";
    std::string quoted;
    for (const char c : script) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted;
  }() + "' 2>&1";
  FILE* const bash = ::popen(command.c_str(), "r");
  ASSERT_NE(bash, nullptr);
  std::array<char, 4096> answer{};
  const std::size_t got = std::fread(answer.data(), 1, answer.size(), bash);
  EXPECT_EQ(::pclose(bash), 0);
  EXPECT_EQ(std::string(answer.data(), got), "set preview list\n");
}

}  // namespace
}  // namespace cordon::cli::internal
