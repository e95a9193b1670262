#include "codec/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace cordon::codec {
namespace {

/// Builds the value while refusing what the library would let pass: duplicate keys and depth.
class StrictBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictBuilder(std::size_t depth_max) : depth_max_(depth_max) {}

  bool null() override { return add(Json(nullptr)); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(number_integer_t value) override { return add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return add(Json(value)); }
  bool string(string_t& value) override { return add(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) {
      error_ = {Errc::invalid, fmt::format("the key '{}' stands twice in one object", name)};
      return false;
    }
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& problem) override {
    std::string_view what = problem.what();
    // The library quotes the text it read; a prompt must not travel in an error.
    if (const auto cut = what.find("; last read"); cut != what.npos) what = what.substr(0, cut);
    if (const auto cut = what.rfind(": "); cut != what.npos) what.remove_prefix(cut + 2);
    error_ = {Errc::invalid, fmt::format("not JSON at byte {}: {}", position, what)};
    return false;
  }

  [[nodiscard]] Error error() const { return error_; }
  [[nodiscard]] Json take() { return std::move(root_); }

 private:
  struct Frame {
    Json value;
    std::string key;
    std::set<std::string, std::less<>> keys;
  };

  bool open(Json empty) {
    if (open_.size() >= depth_max_) {
      error_ = {Errc::exhausted, fmt::format("JSON nested deeper than {}", depth_max_)};
      return false;
    }
    open_.push_back({std::move(empty), {}, {}});
    return true;
  }
  bool close() {
    Json done = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(done));
  }
  bool add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().value.is_array()) {
      open_.back().value.push_back(std::move(value));
    } else {
      open_.back().value[open_.back().key] = std::move(value);
    }
    return true;
  }

  std::size_t depth_max_;
  std::vector<Frame> open_;
  Json root_;
  Error error_{Errc::invalid, "not JSON"};
};

const Json kAbsent;

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(Errc::exhausted, fmt::format("{} bytes of JSON, at most {} are allowed",
                                             text.size(), limits.bytes_max));
  }
  // No JSON text holds this byte, and the library would take it for the end.
  if (const auto nul = text.find('\0'); nul != text.npos) {
    return fail(Errc::invalid, fmt::format("not JSON at byte {}: a zero byte", nul));
  }
  StrictBuilder builder(limits.depth_max);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return tl::make_unexpected(builder.error());
  }
  return builder.take();
}

std::string write_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ObjectReader::ObjectReader(const Json& value, std::string what)
    : value_(value), what_(std::move(what)) {
  if (!value.is_object()) complain(fmt::format("found {}, expected an object", value.type_name()));
}

void ObjectReader::complain(std::string problem) {
  if (!problem_) problem_ = fmt::format("{}: {}", what_, problem);
}

const Json* ObjectReader::find(std::string_view key) {
  asked_.emplace_back(key);
  if (!value_.is_object()) return nullptr;
  const auto found = value_.find(std::string(key));
  return found == value_.end() ? nullptr : &*found;
}

std::string ObjectReader::text(std::string_view key) {
  auto found = optional_text(key);
  if (!found) complain(fmt::format("'{}' is missing", key));
  return found.value_or("");
}

std::string ObjectReader::text_or(std::string_view key, std::string fallback) {
  return optional_text(key).value_or(std::move(fallback));
}

std::optional<std::string> ObjectReader::optional_text(std::string_view key) {
  const Json* found = find(key);
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_string()) {
    complain(fmt::format("'{}' is {}, expected a string", key, found->type_name()));
    return std::nullopt;
  }
  return found->get<std::string>();
}

std::int64_t ObjectReader::integer(std::string_view key) {
  const Json* found = find(key);
  if (found == nullptr) {
    complain(fmt::format("'{}' is missing", key));
    return 0;
  }
  const bool fits = found->is_number_integer() &&
                    (!found->is_number_unsigned() || found->get<std::uint64_t>() <= INT64_MAX);
  if (!fits) {
    complain(fmt::format("'{}' is {}, expected an integer", key, found->type_name()));
    return 0;
  }
  return found->get<std::int64_t>();
}

std::int64_t ObjectReader::integer_or(std::string_view key, std::int64_t fallback) {
  if (!value_.is_object() || !value_.contains(std::string(key))) {
    asked_.emplace_back(key);
    return fallback;
  }
  return integer(key);
}

double ObjectReader::number_or(std::string_view key, double fallback) {
  const Json* found = find(key);
  if (found == nullptr || found->is_null()) return fallback;
  if (!found->is_number()) {
    complain(fmt::format("'{}' is {}, expected a number", key, found->type_name()));
    return fallback;
  }
  return found->get<double>();
}

bool ObjectReader::boolean_or(std::string_view key, bool fallback) {
  const Json* found = find(key);
  if (found == nullptr || found->is_null()) return fallback;
  if (!found->is_boolean()) {
    complain(fmt::format("'{}' is {}, expected true or false", key, found->type_name()));
    return fallback;
  }
  return found->get<bool>();
}

const Json& ObjectReader::any(std::string_view key) {
  const Json* found = find(key);
  return found == nullptr ? kAbsent : *found;
}

Status ObjectReader::finish() const {
  if (problem_) return fail(Errc::invalid, *problem_);
  for (const auto& [key, ignored] : value_.items()) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) {
      return fail(Errc::invalid, fmt::format("{}: unknown key '{}', expected {}", what_,
                                             key.substr(0, 64), fmt::join(asked_, ", ")));
    }
  }
  return {};
}

}  // namespace cordon::codec
