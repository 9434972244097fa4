/* test_study_images.c - the training images in use are part of the recipe of a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "must.h"
#include "registry/tiny.h"
#include "study/models/model_file.h"

static void set_up(void)
{
    ck_assert(tiny_enter());
}

TEST_FIXTURE(set_up, tiny_leave);

static MhoError error;

static void recipe_of(const MhoSettings *settings, char hex[65])
{
    must(mho_recipe_digest(settings, hex, &error), &error);
}

/* Change one byte of a file in place. */
static void change(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    const int was = fgetc(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    ck_assert_int_ne(fputc(was ^ 1, file), EOF);
    ck_assert_int_eq(fclose(file), 0);
}

/* The recipe ends with the digest of the training images; it is another when one pixel or label is another, the same
 * when a test image is, and follows train.limit. */
TEST(recipe_names_the_training_images)
{
    MhoSettings *settings = tiny_settings();
    char unknown[65], first[65], other[65], line[128];
    recipe_of(settings, unknown);
    ck_assert_str_eq(mho_settings_training_digest(settings), "");
    must(mho_study_identify(settings, NULL, &error), &error);
    recipe_of(settings, first);
    ck_assert_str_ne(first, unknown);
    char *text = mho_settings_canonical(settings, true);
    ck_assert_ptr_nonnull(text);
    snprintf(line, sizeof line, "\ndata.training_sha256=%s\n", mho_settings_training_digest(settings));
    ck_assert_ptr_nonnull(strstr(text, line));
    free(text);
    text = mho_settings_canonical(settings, false);
    ck_assert_ptr_null(strstr(text, "training_sha256"));
    free(text);
    static const struct {
        const char *path;
        long at;
        bool is_other;
    } changes[] = {{"test-images", 40, false}, {"train-images", 40, true}, {"train-labels", 20, true}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change(changes[i].path, changes[i].at);
        must(mho_study_identify(settings, NULL, &error), &error);
        recipe_of(settings, other);
        ck_assert_msg((strcmp(first, other) != 0) == changes[i].is_other, "%s", changes[i].path);
        change(changes[i].path, changes[i].at);
    }
    tiny_set(settings, "train.limit", "30");
    ck_assert_str_eq(mho_settings_training_digest(settings), ""); /* it was of other images */
    must(mho_study_identify(settings, NULL, &error), &error);
    recipe_of(settings, other);
    ck_assert_str_ne(first, other);
    mho_settings_destroy(settings);
}

/* A copy keeps the digest; a key that chooses other training images forgets it, another key does not. */
TEST(copies_keep_the_digest)
{
    MhoSettings *settings = tiny_settings(), *copy = NULL;
    static const struct {
        const char *key, *value;
        bool forgets;
    } cases[] = {{"seed", "9", false},
                 {"chip.noise", "2", false},
                 {"data.train", "idx:test-images,test-labels", true},
                 {"data.name", "idx:train-images,train-labels", true}};
    must(mho_study_identify(settings, NULL, &error), &error);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(mho_settings_copy(settings, &copy, &error), &error);
        ck_assert_str_eq(mho_settings_training_digest(copy), mho_settings_training_digest(settings));
        tiny_set(copy, cases[i].key, cases[i].value);
        ck_assert_msg((mho_settings_training_digest(copy)[0] == '\0') == cases[i].forgets, "%s", cases[i].key);
        mho_settings_destroy(copy);
    }
    mho_settings_destroy(settings);
}

/* Without training images there is an error, and no digest of others. */
TEST(missing_training_images)
{
    MhoSettings *settings = tiny_settings();
    tiny_set(settings, "data.train", "idx:nothing,train-labels");
    must_refuse(mho_study_identify(settings, NULL, &error), &error, MHO_INPUT, "nothing");
    tiny_set(settings, "data.train", "");
    must_refuse(mho_study_identify(settings, NULL, &error), &error, MHO_USAGE, "data.train");
    ck_assert_str_eq(mho_settings_training_digest(settings), "");
    mho_settings_destroy(settings);
}
