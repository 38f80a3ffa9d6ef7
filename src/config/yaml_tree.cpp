// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_tree.h"

#include <sstream>
#include <utility>

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/error.h"
#include "config/config_text.h"

namespace lambert {
namespace {

/// Builds the tree from the parser's events. yaml-cpp's own nodes would expand aliases and forget
/// duplicates.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string source, bool is_file) : source_(std::move(source)), is_file_(is_file) {}

  std::string origin_at(const YAML::Mark& mark) const {
    if (!is_file_) {
      return source_;
    }
    if (mark.is_null()) {
      return source_ + ":1:1";
    }
    return source_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }

  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& reason) const {
    throw ConfigError("reading the configuration: " + origin_at(mark) + ": " + reason);
  }

  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++document_count_ > 1) {
      refuse(mark,
             "a second document starts here; a configuration is one document, remove the '---'");
    }
    root_.origin = origin_at(mark);
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    refuse(mark, "anchor '&" + name + "' is not accepted; write the value out where it is used");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse(mark, "an alias is not accepted; write the value out");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    refuse_as_key(mark, "a key is empty; write key: value");
    attach(make_node(mark, YamlNode::Kind::null));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    check_tag(mark, tag);
    if (awaits_key()) {
      set_key(mark, value);
      return;
    }
    YamlNode node = make_node(mark, YamlNode::Kind::scalar);
    node.text = value;
    node.is_quoted = tag == "!";
    attach(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, YamlNode::Kind::sequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    bool has_key = false;  // of the entry whose value comes next
    YamlEntry pending = {};
  };

  bool awaits_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::map && !open_.back().has_key;
  }

  void refuse_as_key(const YAML::Mark& mark, const std::string& reason) const {
    if (awaits_key()) {
      refuse(mark, reason);
    }
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark, "tag '" + tag + "' is not accepted; remove it");
    }
  }

  YamlNode make_node(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (++node_count_ > kMaxYamlNodes) {
      refuse(mark,
             "more than " + std::to_string(kMaxYamlNodes) + " values; is this a configuration?");
    }
    YamlNode node;
    node.kind = kind;
    node.origin = origin_at(mark);
    return node;
  }

  void set_key(const YAML::Mark& mark, const std::string& key) {
    if (key == "<<") {
      refuse(mark, "merge key '<<' is not accepted; write the keys out");
    }
    open_.back().pending = YamlEntry{key, origin_at(mark), {}};
    open_.back().has_key = true;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind) {
    check_tag(mark, tag);
    refuse_as_key(mark, "a key is a list or a map; keys are single words");
    if (open_.size() >= kMaxConfigDepth) {
      refuse(mark, "nested deeper than " + std::to_string(kMaxConfigDepth) +
                       " levels; is this a configuration?");
    }
    open_.push_back({make_node(mark, kind)});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    attach(std::move(node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    parent.pending.value = std::move(node);
    parent.node.entries.push_back(std::move(parent.pending));
    parent.has_key = false;
  }

  std::string source_;
  bool is_file_;
  YamlNode root_;
  std::vector<Open> open_;
  std::size_t node_count_ = 0;
  int document_count_ = 0;
};

YamlNode parse(const std::string& text, TreeBuilder builder) {
  std::istringstream stream(text);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    builder.refuse(error.mark, "wrong YAML: " + error.msg + "; correct the text there");
  }
  return builder.take_root();
}

}  // namespace

YamlNode parse_yaml_file(const std::string& text, const std::string& source) {
  return parse(text, TreeBuilder(source, true));
}

YamlNode parse_yaml_override(const std::string& text, const std::string& origin) {
  return parse(text, TreeBuilder(origin, false));
}

}  // namespace lambert
