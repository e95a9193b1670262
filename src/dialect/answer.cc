#include "dialect/answer.h"

namespace cordon::dialect {

Status Answer::parse(std::string_view body, const codec::JsonIndexLimits& limits) {
  texts_.clear();
  echoes_.clear();
  usage_ = {};
  if (Status parsed = index_.parse(body, limits); !parsed) {
    if (parsed.error().code == Errc::exhausted && has_no_text()) return {};
    return parsed;
  }
  return read(index_.root());
}

Status StreamEvent::parse(std::string_view name, std::string_view data,
                          const codec::JsonIndexLimits& limits) {
  texts_.clear();
  endings_.clear();
  opening_.reset();
  echoes_.clear();
  number_ = {};
  usage_ = {};
  indexes_end_ = 0;
  kind_ = EventKind::other;
  return read(name, data, limits);
}

void StreamWriter::note_passed(const StreamEvent& event) {
  if (event.opening()) note_opened(*event.opening());
  for (const Ending& ending : event.endings()) note_ended(ending);
}

codec::Splice emptied(const codec::JsonValue& echo) {
  return {echo.begin_byte(), echo.end_byte(), echo.is_array() ? "[]" : "null"};
}

namespace {

void append_name(std::string& out, std::string_view name) {
  if (name.empty()) return;
  out += "event: ";
  out += name;
  out += '\n';
}

}  // namespace

void append_frame(std::string& out, std::string_view name, std::string_view data) {
  append_name(out, name);
  while (true) {
    const std::size_t end = data.find('\n');
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == data.npos) break;
    data.remove_prefix(end + 1);
  }
  out += '\n';
}

void append_spliced_frame(std::string& out, std::string_view name, std::string_view data,
                          const std::vector<codec::Splice>& splices) {
  if (data.find('\n') != data.npos) {
    std::string spliced;
    codec::append_spliced(spliced, data, splices);
    return append_frame(out, name, spliced);
  }
  append_name(out, name);
  out += "data: ";
  codec::append_spliced(out, data, splices);
  out += "\n\n";
}

}  // namespace cordon::dialect
