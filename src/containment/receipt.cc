#include "containment/receipt.h"

#include <algorithm>
#include <utility>

namespace cordon::containment {
namespace {

using codec::Json;
using codec::ObjectReader;

Json to_json(const NodeReceipt& node) {
  Json json{{"node", node.node}, {"acked", node.acked}};
  if (!node.acked) return json;
  json["threads"] = node.threads;
  json["streams_cut"] = node.streams_cut;
  if (node.last_byte_at) json["last_byte_at"] = format_rfc3339(*node.last_byte_at);
  if (node.acked_at) json["acked_at"] = format_rfc3339(*node.acked_at);
  return json;
}

Result<NodeReceipt> read_node(const Json& value) {
  ObjectReader reader(value, "node receipt");
  NodeReceipt node;
  node.node = reader.text("node");
  const Json& acked = reader.any("acked");
  const std::int64_t threads = reader.integer_or("threads", 0);
  const std::int64_t cut = reader.integer_or("streams_cut", 0);
  const auto last_byte_at = reader.optional_text("last_byte_at");
  const auto acked_at = reader.optional_text("acked_at");
  CORDON_CHECK(reader.finish());
  if (!acked.is_boolean()) return fail(Errc::invalid, "node receipt: acked is not true or false");
  if (cut < 0 || !std::in_range<std::uint32_t>(threads)) {
    return fail(Errc::invalid, "node receipt: a count is out of range");
  }
  node.acked = acked.get<bool>();
  if (!node.acked && (threads != 0 || cut != 0 || last_byte_at || acked_at)) {
    return fail(Errc::invalid, "node receipt: a node that did not answer has no numbers");
  }
  node.threads = static_cast<std::uint32_t>(threads);
  node.streams_cut = static_cast<std::uint64_t>(cut);
  if (last_byte_at) {
    CORDON_TRY(node.last_byte_at, parse_rfc3339(*last_byte_at));
  }
  if (acked_at) {
    CORDON_TRY(node.acked_at, parse_rfc3339(*acked_at));
  }
  return node;
}

Result<Receipt> read_receipt(const Json& body) {
  ObjectReader reader(body, "receipt");
  Receipt receipt;
  receipt.containment = reader.text("containment");
  const std::int64_t generation = reader.integer("generation");
  const Json& nodes = reader.any("nodes");
  const Json& partial = reader.any("partial");
  const std::int64_t cut = reader.integer("streams_cut");
  CORDON_CHECK(reader.finish());
  if (generation < 0) return fail(Errc::invalid, "receipt: generation is negative");
  receipt.generation = static_cast<std::uint64_t>(generation);
  if (!nodes.is_array()) return fail(Errc::invalid, "receipt: nodes is not a list");
  for (const Json& node : nodes) {
    CORDON_TRY(NodeReceipt parsed, read_node(node));
    receipt.nodes.push_back(std::move(parsed));
  }
  if (!partial.is_boolean() || partial.get<bool>() != receipt.partial() ||
      std::cmp_not_equal(cut, receipt.streams_cut())) {
    return fail(Errc::invalid, "receipt: partial or streams_cut contradicts the nodes");
  }
  return receipt;
}

}  // namespace

bool Receipt::partial() const noexcept {
  return nodes.empty() || !std::all_of(nodes.begin(), nodes.end(),
                                       [](const NodeReceipt& node) { return node.acked; });
}

std::uint64_t Receipt::streams_cut() const noexcept {
  std::uint64_t sum = 0;
  for (const NodeReceipt& node : nodes) sum += node.streams_cut;
  return sum;
}

Json Receipt::to_json() const {
  Json list = Json::array();
  for (const NodeReceipt& node : nodes) list.push_back(containment::to_json(node));
  return Json{{"containment", containment},
              {"generation", generation},
              {"partial", partial()},
              {"streams_cut", streams_cut()},
              {"nodes", std::move(list)}};
}

Result<Receipt> Receipt::from_json(const Json& body) {
  auto receipt = read_receipt(body);
  if (!receipt) return fail(Errc::corrupt, std::move(receipt).error().detail);
  return receipt;
}

}  // namespace cordon::containment
