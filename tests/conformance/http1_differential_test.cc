// What Cordon reads as one request, nginx and HAProxy must not read as another: each case goes to
// our server directly, and through the foreign proxy to a second server of ours. Where both
// accept, they saw the same requests in the same order; where we refuse, nothing more is read.
#include "net/internal/loopback.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

extern char** environ;

namespace cordon::net {
namespace {

using internal::Peer;
using internal::ServerThread;
namespace fs = std::filesystem;

/// Notes every request it is given, as "METHOD target body".
class Recorder final : public Handler {
 public:
  Task<void> handle(ServerExchange& exchange) override { return note(exchange); }
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(seen_, {}); }

 private:
  Task<void> note(ServerExchange& exchange) {
    constexpr std::size_t kMax = 4096;
    const auto body = co_await exchange.read_body(kMax);
    if (!body) co_return;
    const RequestHead& head = exchange.request();
    seen_.push_back(std::string(head.method) + " " + std::string(head.target) + " " +
                    std::string(*body));
    const std::span<const Header> none;
    const std::string_view text = "ok";
    static_cast<void>(co_await exchange.respond(200, none, text));
  }
  std::vector<std::string> seen_;
};

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool listens(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool up = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return up;
}

/// A foreign proxy as a child process, killed by its pid.
class Child {
 public:
  explicit Child(std::vector<std::string> command) {
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) {
      pid_ = -1;
    }
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  pid_t pid_ = -1;
};

bool wait_for(std::uint16_t port) {
  for (int i = 0; i < 200; ++i) {
    if (listens(port)) return true;
    ::usleep(50'000);
  }
  return false;
}

std::vector<std::string> framing_fields() {
  const std::vector<std::string> lengths = {
      "5", "05", "+5",    "-5",  "5 ",  "5, 5", "5,5", "0x5", "5.0", "",
      "0", "00", "\"5\"", "5\t", "5\v", "5;a",  "5 6", "5e0", "1e1", "99999999999999999999",
      "٥"};
  const std::vector<std::string> codings = {
      "chunked",           "Chunked",           "CHUNKED",     "chunked ",     "\tchunked",
      "\vchunked",         "chunked\v",         "xchunked",    "chunkedx",     "chunked, chunked",
      "chunked,",          ",chunked",          "identity",    "gzip",         "gzip, chunked",
      "chunked, gzip",     "chunked;q=1",       "\"chunked\"", "chunked\x01",  "",
      "chunked, identity", "identity, chunked", "ch unked",    "chunk\xc5\xbf"};
  const std::vector<std::string> length_names = {"Content-Length",  "content-length",
                                                 "Content-Length ", "Content_Length",
                                                 " Content-Length", "X: y\n Content-Length"};
  const std::vector<std::string> coding_names = {
      "Transfer-Encoding",  "transfer-encoding",      "Transfer-Encoding ",     "Transfer_Encoding",
      " Transfer-Encoding", "X\r\nTransfer-Encoding", "X: y\rTransfer-Encoding"};
  std::vector<std::string> out;
  for (const auto& name : length_names) {
    for (const auto& value : lengths) out.push_back(name + ": " + value + "\r\n");
  }
  for (const auto& name : coding_names) {
    for (const auto& value : codings) out.push_back(name + ": " + value + "\r\n");
  }
  for (const auto& value : codings) {
    for (const char* length : {"5", "0", "15"}) {
      const std::string coding = "Transfer-Encoding: " + value + "\r\n";
      const std::string other = "Content-Length: " + std::string(length) + "\r\n";
      out.push_back(coding + other);
      out.push_back(other + coding);
    }
  }
  for (const char* pair : {"5\r\nContent-Length: 5", "5\r\nContent-Length: 6",
                           "5\nContent-Length: 6", "5\rContent-Length: 6", "5\r\n Content: 6"}) {
    out.push_back("Content-Length: " + std::string(pair) + "\r\n");
  }
  return out;
}

std::vector<std::string> chunk_bodies() {
  return {"5\r\nhello\r\n0\r\n\r\n",
          "5;a=b\r\nhello\r\n0\r\n\r\n",
          "05\r\nhello\r\n0\r\n\r\n",
          "5 \r\nhello\r\n0\r\n\r\n",
          "5\t;a\r\nhello\r\n0\r\n\r\n",
          "0x5\r\nhello\r\n0\r\n\r\n",
          "+5\r\nhello\r\n0\r\n\r\n",
          "5\nhello\r\n0\r\n\r\n",
          "5\r\nhello\n0\r\n\r\n",
          "5\r\nhello0\r\n\r\n",
          "5\r\nhelloXX0\r\n\r\n",
          "5;a\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n",
          "5;a\rb\r\nhello\r\n0\r\n\r\n",
          "5\r\r\nhello\r\n0\r\n\r\n",
          "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
          "5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
          "5\r\nhello\r\n0\r\nX: y\n\r\n",
          "5\r\nhello\r\n0\r\n\n",
          "5\r\nhello\r\n00\r\n\r\n",
          "5\r\nhello\r\n-0\r\n\r\n",
          "5\r\nhello\r\n\r\n0\r\n\r\n",
          "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
          "10000000000000005\r\nhello\r\n0\r\n\r\n",
          "g\r\nhello\r\n0\r\n\r\n"};
}

std::vector<std::string> all_cases() {
  const std::string marker = "GET /marker HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string start = "POST /first HTTP/1.1\r\nHost: a\r\n";
  std::vector<std::string> out;
  for (const std::string& fields : framing_fields()) {
    out.push_back(start + fields + "\r\n" + "5\r\nhello\r\n0\r\n\r\n" + marker);
    out.push_back(start + fields + "\r\n" + "hello" + marker);
  }
  for (const std::string& body : chunk_bodies()) {
    out.push_back(start + "Transfer-Encoding: chunked\r\n\r\n" + body + marker);
  }
  for (const char* line : {"GET /a HTTP/1.1",         "GET  /a HTTP/1.1",
                           "GET /a  HTTP/1.1",        "GET\t/a\tHTTP/1.1",
                           "GET /a HTTP/1.0",         "GET /a HTTP/1.2",
                           "GET /a HTTP/2.0",         "GET /a",
                           "GET /a#b HTTP/1.1",       "GET /a b HTTP/1.1",
                           "GET http://a/x HTTP/1.1", "GET http://b/x HTTP/1.1",
                           " GET /a HTTP/1.1",        "G\rET /a HTTP/1.1",
                           "GET /a HTTP/1.1 ",        "GET /a HTTP/01.1",
                           "get /a HTTP/1.1",         "GET /\x80 HTTP/1.1",
                           "GET * HTTP/1.1",          "GET a HTTP/1.1"}) {
    for (const char* end : {"\r\n", "\n", "\r\r\n"}) {
      out.push_back(std::string(line) + end + "Host: a" + end + end + marker);
    }
  }
  for (const char* host : {"", "Host: a\r\nHost: a\r\n", "Host: a\r\nHost: b\r\n", "Host:\r\n",
                           "Host : a\r\n", "Host: a b\r\n", "Host: a, b\r\n", "Host: u@a\r\n"}) {
    out.push_back("GET /h HTTP/1.1\r\n" + std::string(host) + "\r\n" + marker);
  }
  return out;
}

bool one_begins_the_other(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::size_t common = std::min(a.size(), b.size());
  return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin());
}

std::vector<std::string> say(std::uint16_t port, const std::string& bytes, ServerThread& server,
                             Recorder& recorder) {
  {
    Peer peer = Peer::connect(port);
    peer.send(bytes);
    peer.half_close();
    static_cast<void>(peer.read_all());
  }
  std::vector<std::string> seen;
  server.on_loop([&] { seen = recorder.take(); });
  return seen;
}

void compare_with(std::uint16_t proxy, ServerThread& behind, Recorder& behind_recorder) {
  Recorder recorder;
  ServerThread direct(recorder, ServerOptions());
  std::size_t both = 0;
  std::size_t stricter = 0;
  std::string laxer;
  const auto cases = all_cases();
  EXPECT_GE(cases.size(), 300U);
  for (const std::string& bytes : cases) {
    const auto ours = say(direct.port(), bytes, direct, recorder);
    const auto theirs = say(proxy, bytes, behind, behind_recorder);
    EXPECT_TRUE(one_begins_the_other(ours, theirs))
        << testing::PrintToString(bytes) << "\nours " << testing::PrintToString(ours) << "\ntheirs "
        << testing::PrintToString(theirs);
    both += ours == theirs && !ours.empty() ? 1U : 0U;
    stricter += ours.size() < theirs.size() ? 1U : 0U;
    if (ours.size() > theirs.size()) laxer += testing::PrintToString(bytes) + "\n";
  }
  EXPECT_GT(both, 10U) << "the comparison compared nothing";
  std::printf("%zu cases: %zu accepted alike, %zu where we are stricter\n", cases.size(), both,
              stricter);
  if (!laxer.empty()) std::printf("where we read on and they refuse:\n%s", laxer.c_str());
}

class Http1Differential : public testing::Test {
 protected:
  Http1Differential()
      : folder_(fs::temp_directory_path() / ("http1_diff_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Http1Differential() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  fs::path folder_;
  Recorder recorder_;
  ServerThread behind_{recorder_, ServerOptions()};
};

TEST_F(Http1Differential, NginxNeverReadsOtherRequestsThanWe) {
  const std::string binary = "/usr/sbin/nginx";
  if (::access(binary.c_str(), X_OK) != 0) GTEST_SKIP() << "nginx is not installed";
  const std::uint16_t port = free_port();
  const std::string at = folder_.string();
  std::string temp;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    temp += std::string(kind) + "_temp_path " + at + "/" + kind + ";\n";
  }
  const std::string config =
      write("nginx.conf",
            "daemon off; master_process off; pid " + at + "/pid; error_log " + at + "/err;\n" +
                "events {}\nhttp {\naccess_log off;\n" + temp +
                "server { listen 127.0.0.1:" + std::to_string(port) +
                "; location / { proxy_pass http://127.0.0.1:" + std::to_string(behind_.port()) +
                "; proxy_http_version 1.1; " +
                "proxy_ignore_client_abort on; proxy_set_header Connection close; } }\n}\n");
  const Child nginx({binary, "-p", at, "-c", config});
  ASSERT_TRUE(wait_for(port));
  compare_with(port, behind_, recorder_);
}

TEST_F(Http1Differential, HaproxyNeverReadsOtherRequestsThanWe) {
  const std::string binary = "/usr/sbin/haproxy";
  if (::access(binary.c_str(), X_OK) != 0) GTEST_SKIP() << "HAProxy is not installed";
  const std::uint16_t port = free_port();
  const std::string config =
      write("haproxy.cfg",
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n"
            "  timeout server 5s\nfrontend f\n  bind 127.0.0.1:" +
                std::to_string(port) + "\n  default_backend b\nbackend b\n  server s 127.0.0.1:" +
                std::to_string(behind_.port()) + "\n");
  const Child haproxy({binary, "-db", "-q", "-f", config});
  ASSERT_TRUE(wait_for(port));
  compare_with(port, behind_, recorder_);
}

}  // namespace
}  // namespace cordon::net
