#include "cli/toml.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#define TOML_EXCEPTIONS        0
#define TOML_HEADER_ONLY       1
#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

namespace
{
json_t *have(json_t *json)
{
    if (!json)
        std::abort(); /* out of memory */
    return json;
}

json_t *json_of(const toml::node &node, const std::string &path, json_t *lines);

json_t *text_of(const toml::node &node)
{
    std::ostringstream text;

    node.visit([&](const auto &value) { text << value; });
    return json_string(text.str().c_str());
}

json_t *table_of(const toml::table &table, const std::string &path, json_t *lines)
{
    json_t *object = have(json_object());

    for (auto &&[key, value] : table) {
        std::string name(key.str());
        std::string inner = path.empty() ? name : path + '\x1f' + name;
        if (json_object_set_new(lines, inner.c_str(), have(json_integer(key.source().begin.line))) ||
            json_object_set_new(object, name.c_str(), have(json_of(value, inner, lines))))
            std::abort();
    }
    return object;
}

json_t *array_of(const toml::array &array, const std::string &path, json_t *lines)
{
    json_t *list = have(json_array());

    for (auto &&value : array)
        if (json_array_append_new(list, have(json_of(value, path, lines))))
            std::abort();
    return list;
}

json_t *json_of(const toml::node &node, const std::string &path, json_t *lines)
{
    if (const toml::table *table = node.as_table())
        return table_of(*table, path, lines);
    if (const toml::array *array = node.as_array())
        return array_of(*array, path, lines);
    if (const auto *text = node.as_string())
        return json_stringn((*text)->data(), (*text)->size());
    if (const auto *number = node.as_integer())
        return json_integer(**number);
    if (const auto *flag = node.as_boolean())
        return json_boolean(**flag);
    if (const auto *real = node.as_floating_point(); real && std::isfinite(**real))
        return json_real(**real);
    return text_of(node);
}
} // namespace

int toml_read(const char *text, size_t len, json_t *lines, json_t **ret_root, struct toml_fault *fault)
{
    toml::parse_result result = toml::parse(std::string_view(text, len));

    if (!result) {
        const toml::parse_error &error = result.error();
        fault->line = error.source().begin.line;
        fault->column = error.source().begin.column;
        (void)std::snprintf(fault->text, sizeof fault->text, "%.*s",
                            static_cast<int>(error.description().size()), error.description().data());
        return -1;
    }
    *ret_root = table_of(result.table(), "", lines);
    return 0;
}
