#include "incident/internal/template.h"

#include <fmt/format.h>
#include <kainjow/mustache.hpp>

#include <algorithm>

namespace cordon::incident::internal {
namespace {

struct Tag {
  std::size_t begin = 0;
  std::size_t end = 0;
  char sigil = 0;  ///< 0 for a plain name
  std::string_view name;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<std::vector<Tag>> tags_of(std::string_view text) {
  std::vector<Tag> tags;
  for (std::size_t at = text.find("{{"); at != text.npos; at = text.find("{{", at)) {
    const std::size_t end = text.find("}}", at);
    if (end == text.npos) return fail(Errc::invalid, "a template with '{{' and no '}}' after it");
    const std::string_view inside = trimmed(text.substr(at + 2, end - at - 2));
    Tag tag{at, end + 2, 0, inside};
    if (!inside.empty() && std::string_view("#^/").find(inside.front()) != inside.npos) {
      tag.sigil = inside.front();
      tag.name = trimmed(inside.substr(1));
    }
    if (!is_name(tag.name)) {
      return fail(Errc::invalid, fmt::format("a template with '{{{{{}}}}}', expected {{{{name}}}}, "
                                             "{{{{#name}}}}, {{{{^name}}}} or {{{{/name}}}}",
                                             inside.substr(0, 40)));
    }
    tags.push_back(tag);
    at = tag.end;
  }
  return tags;
}

}  // namespace

std::string defang(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) {
      out += ' ';
    } else if (text.substr(i).starts_with("://")) {
      out += "[:]//";
      i += 2;
    } else if (byte == 0xe2 && i + 2 < text.size() && text[i + 1] == '\x80' &&
               ((text[i + 2] >= '\x8b' && text[i + 2] <= '\x8f') ||
                (text[i + 2] >= '\xa8' && text[i + 2] <= '\xae'))) {
      i += 2;  // zero-width characters, line separators and bidirectional overrides
    } else if (byte == 0xe2 && i + 2 < text.size() && text[i + 1] == '\x81' &&
               text[i + 2] >= '\xa0' && text[i + 2] <= '\xaf') {
      i += 2;  // bidirectional isolates and invisible operators
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<Rendered> render(std::string_view text, const TemplateFacts& facts) {
  CORDON_TRY(const std::vector<Tag> tags, tags_of(text));
  kainjow::mustache::data values;
  for (const auto& [name, value] : facts.values) values.set(name, value);
  for (const auto& name : facts.sections) values.set(name, true);
  Rendered rendered;
  for (const Tag& tag : tags) {
    if (tag.sigil != 0 || facts.values.contains(tag.name)) continue;
    values.set(std::string(tag.name), fmt::format("{{{{{}}}}}", tag.name));
    rendered.unresolved.emplace_back(tag.name);
  }
  kainjow::mustache::mustache compiled{std::string(text)};
  if (!compiled.is_valid()) {
    return fail(Errc::invalid, fmt::format("a template that is broken: {}",
                                           compiled.error_message().substr(0, 200)));
  }
  compiled.set_custom_escape([](const std::string& value) { return defang(value); });
  rendered.text = compiled.render(values);
  // What stood in a section that does not hold is not missed.
  auto& missed = rendered.unresolved;
  std::sort(missed.begin(), missed.end());
  missed.erase(std::unique(missed.begin(), missed.end()), missed.end());
  missed.erase(std::remove_if(missed.begin(), missed.end(),
                              [&rendered](const std::string& name) {
                                return rendered.text.find(fmt::format("{{{{{}}}}}", name)) ==
                                       std::string::npos;
                              }),
               missed.end());
  return rendered;
}

}  // namespace cordon::incident::internal
