/* test_yaml.c - trees with line numbers; what mho refuses to read, and the line it names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/yaml.h"
#include "harness.h"

static MhoError error;

static MhoYaml *parsed(const char *text)
{
    MhoYaml *root = NULL;
    MhoStatus status = mho_yaml_parse(text, strlen(text), "s.yaml", &root, &error);
    ck_assert_msg(status == MHO_OK, "%s", error.text);
    return root;
}

static void refused_bytes(const char *text, size_t n, const char *says)
{
    MhoYaml *root = (MhoYaml *)&error; /* must come back NULL */
    ck_assert_int_eq(mho_yaml_parse(text, n, "s.yaml", &root, &error), MHO_USAGE);
    ck_assert_ptr_null(root);
    ck_assert_msg(strncmp(error.text, says, strlen(says)) == 0, "expected '%s', got '%s'", says, error.text);
}

static void refused(const char *text, const char *says)
{
    refused_bytes(text, strlen(text), says);
}

/* Mappings, lists and scalars become a tree with the line of each key. */
TEST(test_tree_and_lines)
{
    MhoYaml *root = parsed("# a comment\n"
                           "seed: 7\n"
                           "chip:\n"
                           "  cell:\n"
                           "    name: pcm   # trailing comment\n"
                           "  time: \n"
                           "sweep:\n"
                           "  chip.noise: [0, 0.5,\n"
                           "               1]\n"
                           "note: \"two\\nlines\"\n");
    const MhoYaml *chip = mho_yaml_get(root, "chip"), *cell = mho_yaml_get(chip, "cell");
    const MhoYaml *noise = mho_yaml_get(mho_yaml_get(root, "sweep"), "chip.noise");
    ck_assert_int_eq(root->kind, MHO_YAML_MAP);
    ck_assert_uint_eq(root->n_children, 4);
    ck_assert_str_eq(mho_yaml_get(root, "seed")->scalar, "7");
    ck_assert_int_eq(mho_yaml_get(root, "seed")->line, 2);
    ck_assert_int_eq(cell->kind, MHO_YAML_MAP);
    ck_assert_int_eq(cell->line, 4);
    ck_assert_str_eq(mho_yaml_get(cell, "name")->scalar, "pcm");
    ck_assert_int_eq(mho_yaml_get(cell, "name")->line, 5);
    ck_assert_str_eq(mho_yaml_get(chip, "time")->scalar, "");
    ck_assert_int_eq(noise->kind, MHO_YAML_LIST);
    ck_assert_uint_eq(noise->n_children, 3);
    ck_assert_ptr_null(noise->children[1]->key);
    ck_assert_str_eq(noise->children[1]->scalar, "0.5");
    ck_assert_int_eq(noise->children[2]->line, 9);
    ck_assert_str_eq(mho_yaml_get(root, "note")->scalar, "two\nlines");
    ck_assert_ptr_null(mho_yaml_get(root, "see"));
    ck_assert_ptr_null(mho_yaml_get(noise, "0"));
    ck_assert_ptr_null(mho_yaml_get(NULL, "seed"));
    mho_yaml_destroy(root);
}

/* A file without content is an empty mapping. */
TEST(test_empty_is_an_empty_mapping)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n", "---\n", "{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        MhoYaml *root = parsed(texts[i]);
        ck_assert_int_eq(root->kind, MHO_YAML_MAP);
        ck_assert_uint_eq(root->n_children, 0);
        mho_yaml_destroy(root);
    }
}

/* The same key twice is refused with both lines, also when one spelling has dots. */
TEST(test_duplicates_refused)
{
    refused("seed: 1\nrepeat: 2\nseed: 3\n", "s.yaml:3: duplicate key 'seed' (first on line 1)");
    refused("chip:\n  a: 1\n  a: 1\n", "s.yaml:3: duplicate key 'a' (first on line 2)");
    refused("chip: {a: 1}\nchip: {b: 1}\n", "s.yaml:2: duplicate key 'chip'");
    refused("seed: 1\n\"seed\": 2\n", "s.yaml:2: duplicate key 'seed'");
    refused("chip:\n  cell:\n    name: a\nchip.cell.name: b\n",
            "s.yaml:4: duplicate key 'chip.cell.name' (first on line 3)");
    refused("chip.cell.name: b\nchip:\n  cell.name: a\n", "s.yaml:3: duplicate key 'chip.cell.name' (first on line 1)");
    refused("list:\n- {a: 1, a: 2}\n", "s.yaml:2: duplicate key 'a'");
    mho_yaml_destroy(parsed("a: {x: 1}\nb: {x: 1}\n"));
}

/* Anchors, aliases, tags, a second document and bad keys are refused with their line. */
TEST(test_anchors_tags_documents_refused)
{
    refused("a: 1\nb: &x 2\nc: 3\n", "s.yaml:2: anchors");
    refused("a: 1\nb: &x {c: 2}\n", "s.yaml:2: anchors");
    refused("a: 1\nb: &x [2]\n", "s.yaml:2: anchors");
    refused("a: 1\n\nb: *x\n", "s.yaml:3: aliases");
    refused("*x : 1\n", "s.yaml:1: aliases");
    refused("&x a: 1\n", "s.yaml:1: anchors");
    refused("a: !!int 1\n", "s.yaml:1: tags");
    refused("a: !thing {b: 1}\n", "s.yaml:1: tags");
    refused("a: !thing [1]\n", "s.yaml:1: tags");
    refused("a: 1\n---\nb: 2\n", "s.yaml:2: a second document");
    refused("? [a, b]\n: 1\n", "s.yaml:1: a key must be a word");
    refused("a: \"x\\0y\"\n", "s.yaml:1: a value contains a zero byte");
    refused("\"\": 1\n", "s.yaml:1: a key is empty");
    refused("- a\n- b\n", "s.yaml:1: expected 'key: value'");
    refused("\njust words\n", "s.yaml:2: expected 'key: value'");
}

static void nested(int levels, char *text)
{
    text[0] = '\0';
    for (int i = 0; i < levels; i++)
        strcat(text, "{a: ");
    strcat(text, "1");
    for (int i = 0; i < levels; i++)
        strcat(text, "}");
}

/* Nesting is read to 32 levels and refused beyond. */
TEST(test_depth)
{
    static char text[400000];
    nested(31, text); /* 31 mappings and the scalar: 32 levels */
    mho_yaml_destroy(parsed(text));
    nested(32, text);
    refused(text, "s.yaml:1: nested deeper than 32");
    nested(20000, text);
    refused(text, "s.yaml:1: ");
    memset(text, '[', 100000);
    refused_bytes(text, 100000, "s.yaml:1: ");
}

/* Damaged YAML is refused with its line. */
TEST(test_truncated_and_damaged)
{
    refused("a: 1\nb: [1, 2\n", "s.yaml:3: not readable as YAML");
    refused("a: 1\nb: \"open\n", "s.yaml:3: not readable as YAML");
    refused("a: {b: 1\n", "s.yaml:2: not readable as YAML");
    refused("a: 1\n\tb: 2\n", "s.yaml:2: not readable as YAML");
    refused("a: 1\n  b: 2\n", "s.yaml:2: not readable as YAML");
    refused("a: 1\nb: \x01\n", "s.yaml:");
    refused("a: \xff\xfe\xff\n", "s.yaml:");
    refused_bytes("a: 1\n\0\0\0\0", 9, "s.yaml:");
    refused("a: @x\n", "s.yaml:1: not readable as YAML");
}

/* Every prefix of a good file is read or refused with a line; nothing else happens (the sanitizers watch). */
TEST(test_every_prefix)
{
    static const char text[] =
        "seed: 7\nchip:\n  cell: {name: \"pcm\", list: [1, 'two', {x: 3}]}\n  t: >\n    a\n    b\nz: 1\n";
    int refusals = 0;
    for (size_t n = 0; n < sizeof text; n++) {
        char *exact = malloc(n ? n : 1); /* an exact block, so that a byte read beyond it is seen */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, text, n);
        MhoYaml *root;
        MhoStatus status = mho_yaml_parse(exact, n, "s.yaml", &root, &error);
        ck_assert((status == MHO_OK) == (root != NULL));
        refusals += status == MHO_USAGE;
        mho_yaml_destroy(root);
        free(exact);
    }
    ck_assert_int_gt(refusals, 10);
    ck_assert_int_lt(refusals, (int)sizeof text);
}

/* Files to 1 MiB and keys to 255 characters are read; larger ones are refused. */
TEST(test_sizes)
{
    enum { MIB = 1 << 20 };
    static char text[MIB + 1];
    memset(text, '\n', sizeof text);
    MhoYaml *root = NULL;
    ck_assert_int_eq(mho_yaml_parse(text, MIB, "s.yaml", &root, &error), MHO_OK);
    mho_yaml_destroy(root);
    refused_bytes(text, MIB + 1, "s.yaml: larger than 1 MiB");
    memset(text, 'k', 255);
    memcpy(text + 255, ": 1", 4);
    mho_yaml_destroy(parsed(text));
    memset(text, 'k', 256);
    memcpy(text + 256, ": 1", 4);
    refused(text, "s.yaml:1: a key is empty or longer");
}

typedef struct Seen {
    char text[512];
    int stop_after;
} Seen;

static MhoStatus see(void *context, const char *path, const MhoYaml *leaf, MhoError *e)
{
    Seen *seen = context;
    size_t used = strlen(seen->text);
    const char *value = leaf->kind == MHO_YAML_LIST ? "[]" : leaf->scalar;
    snprintf(seen->text + used, sizeof seen->text - used, "%s=%s@%d ", path, value, leaf->line);
    return --seen->stop_after == 0 ? mho_fail(e, MHO_STOPPED, "enough") : MHO_OK;
}

/* A mapping has at most 4096 keys. */
TEST(test_many_keys)
{
    enum { MOST = 4096, LINE = 8 };
    static char text[(MOST + 1) * LINE + 1];
    for (int i = 0; i <= MOST; i++)
        snprintf(text + (size_t)i * LINE, LINE + 1, "k%04d: \n", i);
    refused(text, "s.yaml:4097: more than 4096 keys");
    text[MOST * LINE] = '\0';
    MhoYaml *root = parsed(text);
    ck_assert_uint_eq(root->n_children, MOST);
    mho_yaml_destroy(root);
}

/* Every leaf is visited with its dotted path, and the visit ends at the first failure. */
TEST(test_each_leaf)
{
    MhoYaml *root = parsed("seed: 7\n"
                           "chip:\n"
                           "  cell: {name: pcm}\n"
                           "  cell.pcm:\n"
                           "    t_read: 1e-6\n"
                           "  empty: {}\n"
                           "sweep:\n"
                           "  chip.noise: [0, {a: 1}]\n"
                           "model: m.h5\n");
    Seen seen = {0};
    ck_assert_int_eq(mho_yaml_each_leaf(root, see, &seen, &error), MHO_OK);
    ck_assert_str_eq(seen.text,
                     "seed=7@1 chip.cell.name=pcm@3 chip.cell.pcm.t_read=1e-6@5 sweep.chip.noise=[]@8 model=m.h5@9 ");
    Seen first = {.stop_after = 2};
    ck_assert_int_eq(mho_yaml_each_leaf(root, see, &first, &error), MHO_STOPPED);
    ck_assert_str_eq(first.text, "seed=7@1 chip.cell.name=pcm@3 ");
    ck_assert_int_eq(mho_yaml_each_leaf(mho_yaml_get(root, "seed"), see, &first, &error), MHO_FAILED);
    mho_yaml_destroy(root);
}

/* Reading a file names it and the line in an error. */
TEST(test_files)
{
    char path[] = "/tmp/mho-test-XXXXXX", expected[64];
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq((int)write(descriptor, "a: 1\nb: [\n", 10), 10);
    close(descriptor);
    MhoYaml *root;
    ck_assert_int_eq(mho_yaml_read(path, &root, &error), MHO_USAGE);
    snprintf(expected, sizeof expected, "%s:3: ", path);
    ck_assert_int_eq(strncmp(error.text, expected, strlen(expected)), 0);
    ck_assert_int_eq(truncate(path, 5), 0);
    ck_assert_int_eq(mho_yaml_read(path, &root, &error), MHO_OK);
    ck_assert_str_eq(mho_yaml_get(root, "a")->scalar, "1");
    mho_yaml_destroy(root);
    ck_assert_int_eq(truncate(path, (1 << 20) + 1), 0);
    ck_assert_int_eq(mho_yaml_read(path, &root, &error), MHO_USAGE);
    unlink(path);
    ck_assert_int_eq(mho_yaml_read(path, &root, &error), MHO_INPUT);
    ck_assert_ptr_null(root);
    ck_assert_int_eq(mho_yaml_read("/tmp", &root, &error), MHO_INPUT);
}
