/* test_data.c - readers of IDX and CIFAR files, damaged files, records, limit and validation split. */
#include <sys/resource.h>
#include <unistd.h>

#include "base/digest.h"
#include "data/dataset.h"
#include "data/formats_internal.h"
#include "harness.h"
#include "support/data_files.h"

enum { N = 12, H = 3, W = 4, CIFAR_RECORD = 3073 };

static char folder[] = "/tmp/mho-data-XXXXXX";
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

/* ---- IDX ---- */

static Buffer images_buffer(uint32_t n)
{
    Buffer x;
    make_idx(&x, 3, (uint32_t[]){n, H, W}, 7, 251);
    return x;
}

static Buffer labels_buffer(uint32_t n)
{
    Buffer y;
    make_idx(&y, 1, (uint32_t[]){n}, 1, 5);
    return y;
}

static MhoStatus load_pair(const Buffer *x, const Buffer *y)
{
    char name[8300];
    write_bytes(in(folder, "x"), x->data, x->n);
    write_bytes(in(folder, "y"), y->data, y->n);
    snprintf(name, sizeof name, "idx:%s,%s", in(folder, "x"), in(folder, "y"));
    return mho_dataset_load(name, NULL, MHO_SPLIT_TEST, 0, &set, &error);
}

static void check_pair_content(size_t n)
{
    ck_assert_uint_eq(set.n, n);
    ck_assert_int_eq(set.h, H);
    ck_assert_int_eq(set.w, W);
    ck_assert_int_eq(set.c, 1);
    ck_assert_int_eq(set.n_classes, 5);
    for (size_t i = 0; i < n * H * W; i++)
        ck_assert_uint_eq(set.images[i], i * 7 % 251);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq(set.labels[i], i % 5);
}

/* The load fails with one line that names the file x and holds every given text. */
static void refuse(const Buffer *x, const char *file, const char *text)
{
    Buffer y = labels_buffer(N);
    ck_assert_int_eq(load_pair(x, &y), MHO_INPUT);
    ck_assert_msg(strstr(error.text, in(folder, file)) != NULL, "no file name in: %s", error.text);
    ck_assert_msg(strstr(error.text, text) != NULL, "expected '%s' in: %s", text, error.text);
    ck_assert_ptr_null(strchr(error.text, '\n'));
    ck_assert_ptr_null(set.images);
}

/* A pair of IDX files is read with its shape, images and labels. */
TEST(test_idx_plain)
{
    Buffer x = images_buffer(N), y = labels_buffer(N);
    ck_assert_int_eq(load_pair(&x, &y), MHO_OK);
    check_pair_content(N);
    ck_assert_ptr_null(set.class_names);
}

/* Gzip files, a limit of images and a list of class names work together. */
TEST(test_idx_gz_limit_and_class_names)
{
    static const char names[] = "zero\none\r\ntwo\nthree\nfour\nfive\n\n";
    Buffer x = images_buffer(N), y = labels_buffer(N);
    char name[12500];
    write_gz(in(folder, "x.gz"), x.data, x.n);
    write_gz(in(folder, "y.gz"), y.data, y.n);
    write_bytes(in(folder, "names.txt"), names, sizeof names - 1);
    snprintf(name, sizeof name, "idx:%s,%s,%s", in(folder, "x.gz"), in(folder, "y.gz"), in(folder, "names.txt"));
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TRAIN, 7, &set, &error), MHO_OK);
    ck_assert_int_eq(set.n_classes, 6); /* as listed, though label 5 never occurs */
    ck_assert_str_eq(set.class_names[1], "one");
    ck_assert_str_eq(set.class_names[5], "five");
    set.n_classes = 5;
    free(set.class_names[5]);
    check_pair_content(7);
}

/* An IDX file of rank 4 has channels. */
TEST(test_idx_with_channels)
{
    Buffer x, y = labels_buffer(2);
    make_idx(&x, 4, (uint32_t[]){2, H, W, 3}, 1, 256);
    ck_assert_int_eq(load_pair(&x, &y), MHO_OK);
    ck_assert_int_eq(set.c, 3);
    ck_assert_uint_eq(set.images[2 * H * W * 3 - 1], 2 * H * W * 3 - 1);
}

/* An IDX file cut at any byte is refused as truncated. */
TEST(test_idx_truncated_anywhere)
{
    Buffer x = images_buffer(N);
    for (size_t n = 0; n < x.n; n++) {
        Buffer cut = x;
        cut.n = n;
        refuse(&cut, "x", "truncated");
    }
}

/* Bytes after the data are refused. */
TEST(test_idx_trailing_bytes)
{
    Buffer x = images_buffer(N);
    x.n += 3;
    refuse(&x, "x", "3 trailing bytes");
}

/* Wrong magic, type, rank and a dimension of 0 are refused with their place. */
TEST(test_idx_bad_header)
{
    Buffer x = images_buffer(N);
    x.data[0] = 'P';
    refuse(&x, "x", "not an IDX file");
    x = images_buffer(N);
    x.data[2] = 0x0d;
    refuse(&x, "x", "type 0x0d");
    x.data[2] = 8;
    x.data[3] = 200;
    refuse(&x, "x", "rank 200");
    x = images_buffer(N);
    x.data[11] = 0;
    refuse(&x, "x", "dimension 1 at byte 8 is 0");
    x = labels_buffer(N);
    refuse(&x, "x", "rank 1");
}

/* Dimensions whose product exceeds the file, or wraps, are refused. */
TEST(test_idx_huge_dimensions)
{
    for (size_t i = 0; i < 3; i++) {
        Buffer x = images_buffer(N);
        memset(x.data + 4 + 4 * i, 0xff, 4);
        refuse(&x, "x", "truncated");
    }
    Buffer x = images_buffer(N);
    memset(x.data + 4, 0xff, 12); /* the product wraps in 64 bits */
    refuse(&x, "x", "truncated");
    /* 2^31 * 2^31 * 4 is 0 modulo 2^64. */
    memcpy(x.data + 4, (uint8_t[]){0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 4}, 12);
    refuse(&x, "x", "truncated");
}

/* Different numbers of images and labels are refused with both. */
TEST(test_idx_counts_differ)
{
    Buffer x = images_buffer(N - 1);
    refuse(&x, "y", "12 labels");
    ck_assert_ptr_nonnull(strstr(error.text, "11 images"));
}

/* ---- gzip ---- */

static size_t read_bytes(const char *path, uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(data, 1, size, file);
    fclose(file);
    return n;
}

/* Damaged gzip data of every kind are refused. */
TEST(test_gz_damaged)
{
    Buffer x = images_buffer(N), packed = {.n = 0};
    write_gz(in(folder, "x.gz"), x.data, x.n);
    packed.n = read_bytes(in(folder, "x.gz"), packed.data, sizeof packed.data);
    for (size_t n = 2; n < packed.n; n++) { /* cut at every byte after the magic */
        Buffer cut = packed;
        cut.n = n;
        Buffer y = labels_buffer(N);
        ck_assert_int_eq(load_pair(&cut, &y), MHO_INPUT);
    }
    Buffer more = packed;
    more.n += 1;
    Buffer y = labels_buffer(N);
    ck_assert_int_eq(load_pair(&more, &y), MHO_INPUT);
    for (size_t at = packed.n - 8; at < packed.n; at++) { /* checksum and length */
        Buffer flipped = packed;
        flipped.data[at] ^= 0x10;
        refuse(&flipped, "x", "gzip");
    }
    Buffer twice = packed; /* a second member */
    memcpy(twice.data + packed.n, packed.data, packed.n);
    twice.n *= 2;
    refuse(&twice, "x", "trailing");
    Buffer huge = packed; /* a trailer that claims 4 GiB is refused */
    memset(huge.data + huge.n - 4, 0xff, 4);
    refuse(&huge, "x", "4294967295");
}

/* Write head and then n zeros as gzip, whatever they shrink to. */
static void write_bomb(const char *path, const void *head, unsigned n_head, size_t n)
{
    static uint8_t zeros[1 << 20];
    gzFile file = gzopen(path, "wb1");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, head, n_head), (int)n_head);
    for (size_t left = n, part; left > 0; left -= part) {
        part = left < sizeof zeros ? left : sizeof zeros;
        ck_assert_int_eq(gzwrite(file, zeros, (unsigned)part), (int)part);
    }
    ck_assert_int_eq(gzclose(file), Z_OK);
}

/* Gzip files of about 1 MB that hold 272 MB are refused by their head or their trailer, without the memory for half:
 * images that their header does not announce, images that it does (nothing that is a picture shrinks so much), records
 * of CIFAR, which have no header, and a list of class names. */
TEST(test_gzip_bombs)
{
    enum { MANY = 272 << 20, HEADER = 16 };
    char name[8300];
    Buffer x = images_buffer(N), y = labels_buffer(N),
           announced = {.data = {0, 0, 8, 3, 0, 0x44, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8}};
    write_bytes(in(folder, "y"), y.data, y.n);
    write_bomb(in(folder, "small.gz"), x.data, (unsigned)x.n, MANY);
    write_bomb(in(folder, "large.gz"), announced.data, HEADER, MANY);
    write_bomb(in(folder, "cifar.gz"), "", 0, (size_t)3073 * 90000);
    write_bomb(in(folder, "names.gz.txt"), "a\n", 2, MANY);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow memory needs more */
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){100 << 20, 100 << 20}), 0);
#endif
    const char *const files[] = {"small.gz", "large.gz"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "idx:%s,%s", in(folder, files[i]), in(folder, "y"));
        ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
        ck_assert_msg(strstr(error.text, i == 0 ? "trailing bytes" : "gunzip") != NULL, "%s", error.text);
    }
    snprintf(name, sizeof name, "cifar:%s", in(folder, "cifar.gz"));
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    ck_assert_msg(strstr(error.text, "gunzip") != NULL, "%s", error.text);
    write_bytes(in(folder, "x"), x.data, x.n);
    snprintf(name, sizeof name, "idx:%s,%s,%s", in(folder, "x"), in(folder, "y"), in(folder, "names.gz.txt"));
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    ck_assert_msg(strstr(error.text, "no list of class names") != NULL, "%s", error.text);
}

/* Missing, special, huge and badly listed files are refused with the reason. */
TEST(test_files_that_are_not_files)
{
    ck_assert_int_eq(mho_dataset_load("idx:/nowhere/x,/nowhere/y", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/x: No such file"));
    ck_assert_int_eq(mho_dataset_load("cifar:/dev/zero", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "not a regular file"));
    ck_assert_int_eq(mho_dataset_load("idx:only_one", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_USAGE);
    ck_assert_int_eq(mho_dataset_load("cifar:", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_USAGE);
    ck_assert_int_eq(mho_dataset_load("cifar:a,,b", NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_USAGE);
    write_bytes(in(folder, "sparse"), "", 0);
    ck_assert_int_eq(truncate(in(folder, "sparse"), (off_t)1 << 33), 0);
    char name[4200];
    snprintf(name, sizeof name, "cifar:%s", in(folder, "sparse"));
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TEST, 0, &set, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "larger than 4 GiB"));
}

/* ---- CIFAR ---- */

static void make_cifar(uint8_t *records, size_t n, unsigned first)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *record = records + i * CIFAR_RECORD;
        record[0] = (uint8_t)((first + i) % 10);
        for (size_t j = 0; j < CIFAR_RECORD - 1; j++)
            record[1 + j] = (uint8_t)((first + i + j * 5) % 253);
    }
}

static MhoStatus load_cifar(const uint8_t *records, size_t n_bytes)
{
    char name[8300];
    write_bytes(in(folder, "a.bin"), records, CIFAR_RECORD);
    write_bytes(in(folder, "b.bin"), records + CIFAR_RECORD, n_bytes - CIFAR_RECORD);
    snprintf(name, sizeof name, "cifar:%s,%s", in(folder, "a.bin"), in(folder, "b.bin"));
    return mho_dataset_load(name, NULL, MHO_SPLIT_TRAIN, 0, &set, &error);
}

/* CIFAR records become images with channels last. */
TEST(test_cifar_planes_become_channels)
{
    static uint8_t records[3 * CIFAR_RECORD];
    make_cifar(records, 3, 4);
    ck_assert_int_eq(load_cifar(records, sizeof records), MHO_OK);
    ck_assert_uint_eq(set.n, 3);
    ck_assert_int_eq(set.n_classes, 10);
    ck_assert(set.h == 32 && set.w == 32 && set.c == 3);
    for (size_t n = 0; n < 3; n++) {
        ck_assert_uint_eq(set.labels[n], 4 + n);
        for (size_t y = 0; y < 32; y++)
            for (size_t x = 0; x < 32; x++)
                for (size_t c = 0; c < 3; c++)
                    ck_assert_uint_eq(set.images[((n * 32 + y) * 32 + x) * 3 + c],
                                      (4 + n + (c * 1024 + y * 32 + x) * 5) % 253);
    }
}

/* Partial records, an empty file and a label outside the classes are refused. */
TEST(test_cifar_damaged)
{
    static uint8_t records[3 * CIFAR_RECORD + 1];
    make_cifar(records, 3, 0);
    ck_assert_int_eq(load_cifar(records, 3 * CIFAR_RECORD - 1), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "b.bin: 6145 bytes are not a whole number of CIFAR records"));
    ck_assert_int_eq(load_cifar(records, sizeof records), MHO_INPUT);
    ck_assert_int_eq(load_cifar(records, CIFAR_RECORD), MHO_INPUT); /* b.bin is empty */
    records[2 * CIFAR_RECORD] = 10;
    ck_assert_int_eq(load_cifar(records, 3 * CIFAR_RECORD), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "b.bin: label 10 of image 1 is outside 0..9"));
    ck_assert_ptr_null(set.images);
}

/* A list of class names sets the number of classes and must be long enough and without gaps. */
TEST(test_cifar_class_names_set_the_classes)
{
    static uint8_t records[CIFAR_RECORD];
    make_cifar(records, 1, 2);
    records[0] = 2;
    char name[8300];
    write_bytes(in(folder, "a.bin"), records, sizeof records);
    write_bytes(in(folder, "names.txt"), "cat\ndog\nbird", 12);
    snprintf(name, sizeof name, "cifar:%s,%s", in(folder, "a.bin"), in(folder, "names.txt"));
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TRAIN, 0, &set, &error), MHO_OK);
    ck_assert_int_eq(set.n_classes, 3);
    ck_assert_str_eq(set.class_names[2], "bird");
    mho_dataset_destroy(&set);
    write_bytes(in(folder, "names.txt"), "cat\ndog\n", 8);
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TRAIN, 0, &set, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "names.txt: 2 class names for labels up to 2"));
    write_bytes(in(folder, "names.txt"), "cat\n\nbird\n", 10);
    ck_assert_int_eq(mho_dataset_load(name, NULL, MHO_SPLIT_TRAIN, 0, &set, &error), MHO_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "names.txt:2: an empty class name"));
}

/* ---- records ---- */

static MhoRecord *make_record(MhoType label_type, const void *labels, size_t n_labels)
{
    MhoRecord *record;
    uint8_t x[3 * 2 * 2 * 3];
    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (uint8_t)(200 + i);
    ck_assert_int_eq(mho_record_create(&record, &error), MHO_OK);
    ck_assert_int_eq(mho_record_add(record, "x", MHO_U8, 4, (size_t[]){3, 2, 2, 3}, NULL, "", "", x, NULL, &error),
                     MHO_OK);
    if (labels)
        ck_assert_int_eq(mho_record_add(record, "y", label_type, 1, &n_labels, NULL, "", "", labels, NULL, &error),
                         MHO_OK);
    return record;
}

static void refuse_record(MhoRecord *record, const char *text)
{
    ck_assert_int_eq(mho_dataset_from_record(record, "my.h5", 0, &set, &error), MHO_INPUT);
    ck_assert_msg(strstr(error.text, text) && strstr(error.text, "my.h5"), "expected '%s' in: %s", text, error.text);
    ck_assert_ptr_null(set.images);
    mho_record_destroy(record);
}

/* A record becomes a set with labels, class names and a limit. */
TEST(test_record_good)
{
    MhoRecord *record = make_record(MHO_I64, (int64_t[]){2, 0, 1}, 3);
    static const char *const names[] = {"a", "b", "c", "d"};
    ck_assert_int_eq(mho_attribute_set(&record->attributes, "class_names", MHO_STRING, 4, names, &error), MHO_OK);
    ck_assert_int_eq(mho_dataset_from_record(record, "my.h5", 2, &set, &error), MHO_OK);
    mho_record_destroy(record);
    ck_assert_uint_eq(set.n, 2);
    ck_assert_int_eq(set.n_classes, 4);
    ck_assert_uint_eq(set.labels[0], 2);
    ck_assert_uint_eq(set.images[23], 223);
    ck_assert_str_eq(set.class_names[3], "d");
}

/* A record with wrong labels, counts or class names is refused. */
TEST(test_record_bad)
{
    refuse_record(make_record(MHO_U8, NULL, 0), "/y");
    refuse_record(make_record(MHO_F32, (float[]){0, 1, 2}, 3), "/y");
    refuse_record(make_record(MHO_I32, (int32_t[]){0, 1, -1}, 3), "image 2 is outside 0..255");
    refuse_record(make_record(MHO_U64, (uint64_t[]){0, UINT64_MAX, 1}, 3), "image 1 is outside 0..255");
    refuse_record(make_record(MHO_U8, (uint8_t[]){0, 1}, 2), "3 images, /y 2 labels");
    MhoRecord *record = make_record(MHO_U8, (uint8_t[]){0, 1, 2}, 3);
    ck_assert_int_eq(mho_attribute_int(&record->attributes, "class_names", 3, &error), MHO_OK);
    refuse_record(record, "class_names");
}

/* ---- validation split ---- */

enum { SPLIT_N = 200, SPLIT_VALIDATION = 60 };

/* A set whose image n is the one pixel n. */
static void make_countable(void)
{
    set = (MhoDataset){.name = "count", .n = SPLIT_N, .h = 1, .w = 1, .c = 1, .n_classes = 7};
    ck_assert_int_eq(mho_dataset_allocate(&set, "count", &error), MHO_OK);
    for (size_t n = 0; n < SPLIT_N; n++) {
        set.images[n] = (uint8_t)n;
        set.labels[n] = (uint8_t)(n % 7);
    }
}

/* Training and validation images are all images once, in order, and chosen by a shuffle. */
TEST(test_split_is_a_partition)
{
    MhoDataset training, validation;
    bool seen[SPLIT_N] = {false};
    make_countable();
    ck_assert_int_eq(mho_dataset_split(&set, SPLIT_VALIDATION, 3, &training, &validation, &error), MHO_OK);
    ck_assert_uint_eq(training.n, SPLIT_N - SPLIT_VALIDATION);
    ck_assert_uint_eq(validation.n, SPLIT_VALIDATION);
    const MhoDataset *parts[] = {&training, &validation};
    for (size_t p = 0; p < 2; p++) {
        ck_assert_int_eq(parts[p]->n_classes, 7);
        for (size_t n = 0; n < parts[p]->n; n++) {
            ck_assert(!seen[parts[p]->images[n]]);
            seen[parts[p]->images[n]] = true;
            ck_assert_uint_eq(parts[p]->labels[n], parts[p]->images[n] % 7);
            ck_assert(n == 0 || parts[p]->images[n] > parts[p]->images[n - 1]);
        }
    }
    ck_assert(training.images != set.images);
    /* A shuffle, not a block: few validation images are among the first SPLIT_VALIDATION (18 expected).
     */
    size_t early = 0;
    for (size_t n = 0; n < validation.n; n++)
        early += validation.images[n] < SPLIT_VALIDATION;
    ck_assert_uint_gt(early, 0);
    ck_assert_uint_lt(early, SPLIT_VALIDATION / 2);
    mho_dataset_destroy(&training);
    mho_dataset_destroy(&validation);
}

/* The seed decides the split, 0 validation images are allowed and all images are refused. */
TEST(test_split_by_seed)
{
    MhoDataset training[3], validation[3];
    static const uint64_t seeds[] = {1, 1, 2};
    make_countable();
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(mho_dataset_split(&set, SPLIT_VALIDATION, seeds[i], &training[i], &validation[i], &error),
                         MHO_OK);
    ck_assert_mem_eq(validation[0].images, validation[1].images, SPLIT_VALIDATION);
    ck_assert_mem_eq(training[0].labels, training[1].labels, SPLIT_N - SPLIT_VALIDATION);
    ck_assert_mem_ne(validation[0].images, validation[2].images, SPLIT_VALIDATION);
    for (size_t i = 0; i < 3; i++) {
        mho_dataset_destroy(&training[i]);
        mho_dataset_destroy(&validation[i]);
    }
    ck_assert_int_eq(mho_dataset_split(&set, SPLIT_N, 1, &training[0], &validation[0], &error), MHO_USAGE);
    ck_assert_int_eq(mho_dataset_split(&set, 0, 1, &training[0], &validation[0], &error), MHO_OK);
    ck_assert_uint_eq(training[0].n, SPLIT_N);
    ck_assert_uint_eq(validation[0].n, 0);
    mho_dataset_destroy(&training[0]);
    mho_dataset_destroy(&validation[0]);
}
