/* test_data_registered.c - registered sets: where they are searched, and what is refused under their names. */
#include <unistd.h>

#include "base/digest.h"
#include "data/dataset.h"
#include "data/formats_internal.h"
#include "harness.h"
#include "support/data_files.h"

static char folder[] = "/tmp/mho-registered-XXXXXX";
static MhoError error;
static MhoDataset set;

static void set_up(void)
{
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    unsetenv("MHO_DATA");
    setenv("HOME", folder, 1);
}

static void tear_down(void)
{
    mho_dataset_destroy(&set);
    remove_tree(folder);
}

TEST_FIXTURE(set_up, tear_down);

/* The error of a missing set names the folders searched, the file and the command that downloads it. */
TEST(test_missing_set_says_where_and_how)
{
    setenv("MHO_DATA", "/nowhere/env", 1);
    ck_assert_int_eq(mho_dataset_load("mnist", "/nowhere/option", MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    static const char *const parts[] = {"mho data fetch mnist --data /nowhere/option", "/nowhere/option/mnist",
                                        "t10k-images-idx3-ubyte"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(error.text, parts[i]) != NULL, "no %s in: %s", parts[i], error.text);
    ck_assert_ptr_null(strstr(error.text, "/nowhere/env")); /* a folder that is named is the only one */
    ck_assert_int_eq(mho_dataset_load("mnist", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    static const char *const places[] = {"mho data fetch mnist", "/nowhere/env/mnist", "/.local/share/mho/mnist",
                                         "/usr/share/datasets/mnist", "t10k-images-idx3-ubyte"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        ck_assert_msg(strstr(error.text, places[i]) != NULL, "no %s in: %s", places[i], error.text);
    ck_assert_int_eq(mho_dataset_load("mnits", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "'mnist'"));
}

/* A set with MNIST's names and shapes, whose digests are those of the files last written. */
static char digests[4][65];
static const MhoDataFile own_files[] = {{"train-images-idx3-ubyte", digests[0], MHO_SPLIT_TRAIN},
                                        {"train-labels-idx1-ubyte", digests[1], MHO_SPLIT_TRAIN},
                                        {"t10k-images-idx3-ubyte", digests[2], MHO_SPLIT_TEST},
                                        {"t10k-labels-idx1-ubyte", digests[3], MHO_SPLIT_TEST}};
static const MhoDatasetDescriptor own = {
    .descriptor = {.name = "mnist"},
    .files = own_files,
    .n_files = 4,
    .n_classes = 10,
    .h = 28,
    .w = 28,
    .c = 1,
    .load = mho_idx_load,
};

static MhoStatus load_own(const char *data_option, MhoSplit split)
{
    char place[MHO_PATH_MAX];
    mho_dataset_destroy(&set);
    const MhoStatus status = mho_dataset_locate_splits(&own, data_option, 1U << split, place, sizeof place, &error);
    return status == MHO_OK ? own.load(&own, place, split, &set, &error) : status;
}

/* Two images of the right shape under MNIST's names, in one split only. */
static void write_mnist(const char *base, const char *half, uint8_t label)
{
    Buffer x, y;
    char name[64];
    const size_t at = strcmp(half, "train") == 0 ? 0 : 2;
    make_idx(&x, 3, (uint32_t[]){2, 28, 28}, 1, 256);
    make_idx(&y, 1, (uint32_t[]){2}, 1, 2);
    y.data[y.n - 1] = label;
    mho_sha256(x.data, x.n, digests[at]);
    mho_sha256(y.data, y.n, digests[at + 1]);
    mkdir(base, 0700);
    mkdir(in(base, "mnist"), 0700);
    snprintf(name, sizeof name, "mnist/%s-images-idx3-ubyte", half);
    write_bytes(in(base, name), x.data, x.n);
    snprintf(name, sizeof name, "mnist/%s-labels-idx1-ubyte.gz", half);
    write_gz(in(base, name), y.data, y.n);
}

/* A named folder is the only one that is searched; without one $MHO_DATA comes before the home folder. One split does
 * not need the files of the other. */
TEST(test_search_order_and_halves_apart)
{
    mkdir(in(folder, ".local"), 0700);
    mkdir(in(folder, ".local/share"), 0700);
    write_mnist(in(folder, ".local/share/mho"), "t10k", 9);
    ck_assert_int_eq(load_own(NULL, MHO_SPLIT_TEST), MHO_OK);
    ck_assert_uint_eq(set.labels[1], 9);
    write_mnist(in(folder, "env"), "t10k", 8);
    setenv("MHO_DATA", in(folder, "env"), 1);
    ck_assert_int_eq(load_own(NULL, MHO_SPLIT_TEST), MHO_OK);
    ck_assert_uint_eq(set.labels[1], 8);
    write_mnist(in(folder, "option"), "t10k", 7);
    ck_assert_int_eq(load_own(in(folder, "option"), MHO_SPLIT_TEST), MHO_OK);
    ck_assert_uint_eq(set.labels[1], 7);
    write_mnist(in(folder, "env"), "train", 6);
    ck_assert_int_eq(unlink(in(folder, "env/mnist/t10k-images-idx3-ubyte")), 0);
    ck_assert_int_eq(load_own(NULL, MHO_SPLIT_TRAIN), MHO_OK);
    ck_assert_uint_eq(set.labels[1], 6);
    ck_assert_int_eq(load_own(in(folder, "option"), MHO_SPLIT_TRAIN), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "option/mnist (no train-images-idx3-ubyte)"));
    ck_assert_ptr_null(strstr(error.text, "/env/"));
}

/* A registered set with wrong labels, image shape or SHA-256 is refused. */
TEST(test_registered_set_checks_labels_shape_and_digest)
{
    char found[MHO_PATH_MAX];
    write_mnist(in(folder, "a"), "train", 10);
    ck_assert_int_eq(load_own(in(folder, "a"), MHO_SPLIT_TRAIN), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "train-labels-idx1-ubyte.gz: label 10 of image 1 is outside 0..9"));
    Buffer x;
    make_idx(&x, 3, (uint32_t[]){2, 3, 4}, 7, 251);
    write_bytes(in(folder, "a/mnist/train-images-idx3-ubyte"), x.data, x.n);
    mho_sha256(x.data, x.n, digests[0]);
    ck_assert_int_eq(load_own(in(folder, "a"), MHO_SPLIT_TRAIN), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "(3, 4, 1), those of mnist are (28, 28, 1)"));
    write_mnist(in(folder, "a"), "t10k", 1);
    const MhoDatasetDescriptor *mnist = mho_dataset_find("mnist", &error);
    ck_assert_ptr_nonnull(mnist);
    ck_assert_int_eq(mho_dataset_check(mnist, in(folder, "a"), found, sizeof found, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "train-images-idx3-ubyte: SHA-256"));
}

/* Files of the right names and shapes that are not the official ones are refused when a set is used, in one line with
 * the ways out. */
TEST(test_changed_set_is_refused)
{
    static const char *const words[] = {"t10k-images-idx3-ubyte: not the file of mnist", "mho data check mnist",
                                        "mho data fetch mnist", "data.name=idx:"};
    write_mnist(in(folder, "a"), "t10k", 3);
    ck_assert_int_eq(mho_dataset_load("mnist", in(folder, "a"), MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ck_assert_msg(strstr(error.text, words[i]) != NULL, "no %s in: %s", words[i], error.text);
    ck_assert_ptr_null(strchr(error.text, '\n'));
    ck_assert_ptr_null(set.images);
}

/* The installed Fashion-MNIST passes its check and has 1000 test images of each class. */
TEST(test_real_fashion_mnist)
{
    if (access("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz", R_OK) != 0) {
        TEST_SKIP("needs Debian's dataset-fashion-mnist");
        return;
    }
    char found[MHO_PATH_MAX];
    const MhoDatasetDescriptor *descriptor = mho_dataset_find("fashion-mnist", &error);
    ck_assert_ptr_nonnull(descriptor);
    ck_assert_int_eq(mho_dataset_check(descriptor, NULL, found, sizeof found, &error), MHO_OK);
    ck_assert_str_eq(found, "/usr/share/datasets/fashion-mnist");
    ck_assert_int_eq(mho_dataset_load("fashion-mnist", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_OK);
    size_t count[10] = {0};
    for (size_t n = 0; n < set.n; n++)
        count[set.labels[n]]++;
    for (size_t k = 0; k < 10; k++)
        ck_assert_uint_eq(count[k], 1000);
    ck_assert_str_eq(set.class_names[set.labels[0]], "Ankle boot"); /* the first test image of the paper's figure */
}
