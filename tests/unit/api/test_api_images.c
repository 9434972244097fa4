/* test_api_images.c - images and models of mho.h. */
#include <stdlib.h>
#include <string.h>

#include "../../registry/tiny.h"
#include "mho/mho.h"
#include "must.h"

static void set_up(void)
{
    ck_assert(tiny_enter());
}

static void tear_down(void)
{
    tiny_leave();
}

TEST_FIXTURE(set_up, tear_down);

static MhoError error;

/* The keys of a study name test and calibration images. */
TEST(images_of_a_study)
{
    MhoStudy *study;
    MhoImages *images;
    must(mho_study_open(NULL, &study, &error), &error);
    must(mho_study_set_key(study, "data.name", TINY_TEST_SET, &error), &error);
    must(mho_study_set_key(study, "data.train", TINY_TRAIN_SET, &error), &error);
    must(mho_study_set_key(study, "data.calibration", "20", &error), &error);
    must(mho_images_open(study, MHO_IMAGES_TEST, NULL, &images, &error), &error);
    MhoImagesInfo info = mho_images_info(images);
    ck_assert_uint_eq(info.n, TINY_TEST);
    ck_assert_int_eq(info.shape.h * info.shape.w * info.shape.c, TINY_PIXELS);
    ck_assert_int_eq(info.n_classes, TINY_CLASSES);
    ck_assert_int_eq(info.labels[1], 7 % TINY_CLASSES);
    mho_images_free(images);
    must(mho_images_open(study, MHO_IMAGES_CALIBRATION, "nowhere", &images, &error), &error);
    ck_assert_uint_eq(mho_images_info(images).n, 20);
    mho_images_free(images);
    mho_images_free(NULL);
    must_refuse(mho_images_open(study, (MhoImagesPart)7, NULL, &images, &error), &error, MHO_USAGE, "part");
    ck_assert_ptr_null(images);
    must_refuse(mho_images_open(NULL, MHO_IMAGES_TEST, NULL, &images, &error), &error, MHO_USAGE, "study is NULL");
    must_refuse(mho_images_open(study, MHO_IMAGES_TEST, NULL, NULL, &error), &error, MHO_USAGE, "images is NULL");
    must(mho_study_set_key(study, "data.limit", "[5, 6]", &error), &error);
    must_refuse(mho_images_open(study, MHO_IMAGES_TEST, NULL, &images, &error), &error, MHO_USAGE, "data.limit");
    must(mho_study_set_key(study, "data.limit", "0", &error), &error);
    must(mho_study_set_key(study, "data.name", "idx:none,none", &error), &error);
    ck_assert_int_eq(mho_images_open(study, MHO_IMAGES_TEST, NULL, &images, &error), MHO_INPUT);
    mho_study_free(study);
}

/* Images of the caller are copied; empty ones and labels out of range are refused. */
TEST(images_of_the_caller)
{
    uint8_t pixels[2 * 12] = {3}, labels[2] = {0, 2};
    const MhoImageShape shape = {2, 3, 2};
    MhoImages *images;
    must(mho_images_copy(shape, 2, pixels, labels, 3, &images, &error), &error);
    pixels[0] = 9;
    MhoImagesInfo info = mho_images_info(images);
    ck_assert_int_eq(info.pixels[0], 3);
    ck_assert_int_eq(info.labels[1], 2);
    ck_assert_int_eq(info.n_classes, 3);
    mho_images_free(images);
    must(mho_images_copy(shape, 2, pixels, NULL, 0, &images, &error), &error);
    ck_assert_ptr_null(mho_images_info(images).labels);
    mho_images_free(images);
    must_refuse(mho_images_copy(shape, 2, pixels, labels, 2, &images, &error), &error, MHO_USAGE, "label 1 is 2");
    ck_assert_ptr_null(images);
    must_refuse(mho_images_copy(shape, 0, pixels, NULL, 0, &images, &error), &error, MHO_USAGE, "at least one image");
    must_refuse(mho_images_copy((MhoImageShape){2, 0, 1}, 1, pixels, NULL, 0, &images, &error), &error, MHO_USAGE,
                "2 x 0 x 1");
    must_refuse(mho_images_copy(shape, 2, NULL, NULL, 0, &images, &error), &error, MHO_USAGE, "pixels is NULL");
    must_refuse(mho_images_copy(shape, 2, pixels, NULL, 0, NULL, &error), &error, MHO_USAGE, "images is NULL");
    ck_assert_uint_eq(mho_images_info(NULL).n, 0);
}

/* A model says what images it takes, its classes, layers and digest; a missing or foreign file is refused. */
TEST(a_model_describes_itself)
{
    MhoModel *model;
    must(mho_model_open("tiny.h5", &model, &error), &error);
    const MhoModelInfo info = mho_model_info(model);
    ck_assert_str_eq(info.name, "tiny");
    ck_assert_uint_eq(strlen(info.digest), 64);
    ck_assert_int_eq(info.shape.h, TINY_SIDE);
    ck_assert_int_eq(info.shape.c, 1);
    ck_assert_int_eq(info.n_classes, TINY_CLASSES);
    ck_assert_uint_eq(info.n_layers, 1);
    ck_assert_int_eq(info.is_quantized, 1);
    mho_model_free(model);
    mho_model_free(NULL);
    ck_assert_int_eq(mho_model_open("missing.h5", &model, &error), MHO_INPUT);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(mho_model_open("test-images", &model, &error), MHO_INPUT);
    must_refuse(mho_model_open(NULL, &model, &error), &error, MHO_USAGE, "path is NULL");
    must_refuse(mho_model_open("tiny.h5", NULL, &error), &error, MHO_USAGE, "model is NULL");
    ck_assert_ptr_null(mho_model_info(NULL).name);
}
