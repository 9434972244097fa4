/* test_study_lists.c - where lists may stand, values that are read late, keys without effect: each told with its line.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "study/keys/points.h"
#include "study/keys/study.h"
#include "support/net_sample.h"

/* The text read as a study file called study.yaml in a folder of its own. */
static MhoStatus try_text(const char *text, MhoStudy *study, MhoError *error)
{
    char folder[] = "/tmp/mho-study-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/study.yaml", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    MhoStatus status = mho_study_read(path, study, error);
    unlink(path);
    rmdir(folder);
    return status;
}

static MhoStudy read_text(const char *text)
{
    MhoError error = {0};
    MhoStudy study;
    must(try_text(text, &study, &error), &error);
    return study;
}

static MhoStatus try_points(const char *text, MhoError *error)
{
    MhoStudy study;
    MhoPointList list;
    MhoStatus status = try_text(text, &study, error);
    if (status != MHO_OK)
        return status;
    status = mho_points_create(&study, &list, error);
    mho_points_destroy(&list);
    mho_study_destroy(&study);
    return status;
}

static const struct {
    const char *text, *words;
} refused[] = {
    /* one value stands in the body: the decimal comma is named, a list has its place */
    {"chip: {noise: \"1,5\"}\n", "study.yaml:1: chip.noise: '1,5' is not one number: write 1.5, with a point"},
    {"seed: 1\nchip: {noise: \"-0,25\"}\n", "study.yaml:2: chip.noise: '-0,25' is not one number: write -0.25"},
    {"chip.noise: \"0,1,2\"\n", "chip.noise: '0,1,2' is more than one value; a list or a range belongs under sweep:"},
    {"chip.adc.uniform.bits: \"4:8:2\"\n", "'4:8:2' is more than one value"},
    {"chip.noise: \"0..3\"\n", "'0..3' is more than one value"},
    {"chip.time: \"log:1:1e6:7\"\n", "'log:1:1e6:7' is more than one value"},
    {"chip.noise: \"[0, 1]\"\n", "'[0, 1]' is more than one value"},
    {"chip.noise: [0, 1]\n", "study.yaml:1: chip.noise: a list belongs under sweep:"},
    {"chip.cell.read: \"frozen,split\"\n", "'frozen,split' is more than one value"},
    {"model: \"[a.h5, b.h5]\"\n", "'[a.h5, b.h5]' is more than one value"},
    {"\"chip.noise,chip.time\": 3\n", "belongs under sweep:"},
    {"sweep: 3\n", "unknown key 'sweep'"},
    {"sweep: [chip.noise, chip.time]\n", "write keys with their lists"},
    /* twice in one place stays an error */
    {"chip: {noise: 1}\nchip.noise: 2\n", "study.yaml:2: duplicate key"},
    {"sweep: {chip.noise: [0, 1]}\nsweep.chip.noise: [0, 2]\n", "study.yaml:2: duplicate key"},
    {"sweep: [{chip.noise: [0, 1], \"chip.noise,chip.time\": [[0, 1]]}]\n", "chip.noise is given twice"},
    /* ranges */
    {"sweep: {chip.noise: \"0.3\", chip.time: \"1:2\"}\n", "write first:last:step, as 4:8:2, log:first:last:count"},
    {"sweep: {chip.time: \"log:0:1e6:7\"}\n", "first and last above 0"},
    {"sweep: {chip.time: \"log:1:1e6:1\"}\n", "count from 2"},
    {"sweep: {chip.time: \"log:1:1e6:2.5\"}\n", "count from 2"},
    {"sweep: {chip.time: \"log:1:1:3\"}\n", "not a range in log"},
    {"sweep: {chip.time: \"log:1:1e6:1h\"}\n", "not a range"},
    {"sweep: {chip.noise: \"1h:5h:1h\"}\n", "not a range"},
    {"sweep: {chip.noise: \"3..1\"}\n", "not an interval"},
    {"sweep: {chip.time: \"log:0..1\"}\n", "not an interval"},
    {"sweep: {chip.noise: \"0..11\"}\n", "outside 0 to 10"},
};

/* Refused when the file is read, with the line. */
TEST_LOOP(refused_by_the_file, 0, (int)(sizeof refused / sizeof *refused))
{
    MhoError error = {0};
    MhoStudy study;
    must_refuse(try_text(refused[_i].text, &study, &error), &error, MHO_USAGE, refused[_i].words);
}

static const struct {
    const char *text, *words;
} late[] = {
    {"title: x\nchip:\n  cell: {name: pcmm}\n",
     "study.yaml:3: chip.cell.name: unknown cell 'pcmm'; did you mean 'pcm'?"},
    {"chip.adc.name: unifrom\n", "study.yaml:1: chip.adc.name: unknown adc 'unifrom'; did you mean 'uniform'?"},
    {"\nquant.weight.name: fqcomv\n", "study.yaml:2: quant.weight.name: unknown quantizer 'fqcomv'"},
    {"quant.activation.name: lsk\n", "study.yaml:1: quant.activation.name: unknown quantizer 'lsk'"},
    {"train: {net: lenett}\n", "study.yaml:1: train.net: unknown network 'lenett'; did you mean 'lenet'?"},
    {"train: {net: vgg}\n", "study.yaml:1: train.net: unknown network 'vgg'; `mho list network`"},
    {"train: {stages: \"float:1 4/4:1 allocate\"}\nallocate.name: ccc\n",
     "study.yaml:2: allocate.name: unknown allocator 'ccc'"},
    {"train:\n  stages: \"flaot:1\"\n", "study.yaml:2: train.stages: 'flaot:1':"},
    {"train:\n  stages: \"float:1 4/9:3\"\n",
     "train.stages: '4/9:3': bits of weights are 1 to 16 and those of activations 1 to 8"},
    {"train: {stages: \"float:0\"}\n", "study.yaml:1: train.stages: 'float:0': no stage has epochs"},
    {"train: {stages: \"float:0 4/4:0\"}\n", "no stage has epochs"},
    /* what is wrong with the word is told, not that the key has no use here */
    {"train: {stages: \"float:1\", chip: {cell: {name: pcmm}}}\n",
     "study.yaml:1: train.chip.cell.name: unknown cell 'pcmm'"},
    {"train: {stages: \"float:1\"}\nallocate: {name: ccc}\n", "study.yaml:2: allocate.name: unknown allocator"},
    /* swept words have the line of their list */
    {"seed: 1\nsweep:\n  chip.cell.name: [pcm, nor_flsh]\n", "study.yaml:3: chip.cell.name: unknown cell 'nor_flsh'"},
    {"sweep:\n  chip.noise: [0, 1]\n", "study.yaml:2: sweep.chip.noise: no point of this study uses it"},
    {"sweep:\n  train.net: [lenet, lenett]\n", "study.yaml:2: train.net: unknown network 'lenett'"},
    {"chip.cell.name: pcm\nsweep:\n  chip.noise: \"0..3\"\n",
     "study.yaml:3: sweep.chip.noise: 0..3 is an interval to draw points from, and sample.n says how many; for even "
     "steps write first:last:step, as 0:3:0.75"},
    {"noise.sum: 1\nchip.cell.name: pcm\n", "study.yaml:1: noise.sum: noise on codes takes the place of a chip"},
};

/* Refused when the points are made, with the line of the key. */
TEST_LOOP(refused_by_the_points, 0, (int)(sizeof late / sizeof *late))
{
    MhoError error = {0};
    must_refuse(try_points(late[_i].text, &error), &error, MHO_USAGE, late[_i].words);
}

/* --set tells what is wrong with a value before that its key would change nothing. */
TEST(misspelt_values_are_told_first)
{
    static const char *const rows[][2] = {
        {"train.net=lenett", "--set: train.net: unknown network 'lenett'"},
        {"train.width=wide", "--set: train.width: 'wide' is not a plain finite number"},
        {"quant.shift=[row, non]", "unknown word 'non'"},
        {"train.stages=4/9:3", "bits of weights are 1 to 16 and those of activations 1 to 8"},
        {"train.chip.cell.name=pcmm", "--set: train.chip.cell.name: unknown cell 'pcmm'"},
        {"allocate.name=ccc", "unknown allocator 'ccc'"},
        {"train.net=lenet", "no train: section"}};
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        must_refuse(mho_study_set(&study, rows[i][0], &error), &error, MHO_USAGE, rows[i][1]);
    char *text = mho_study_text(&study);
    ck_assert_str_eq(text, ""); /* and the study is as before */
    free(text);
    mho_study_destroy(&study);
}

static void check_values(const MhoStudy *study, size_t i, const char *key, const char *values)
{
    char joined[512] = "";
    ck_assert_uint_gt(study->n_axes, i);
    ck_assert_str_eq(study->axes[i].key, key);
    for (size_t v = 0; v < study->axes[i].n; v++)
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", v ? " " : "",
                 study->axes[i].values[v]);
    ck_assert_str_eq(joined, values);
}

/* A key may stand in the body and under sweep:, in any order: the sweep wins. A single value under sweep: is an axis.
 */
TEST(keys_in_the_body_and_in_the_sweep)
{
    static const char *const texts[] = {"chip: {noise: 3}\nsweep: {chip.noise: [0, 1]}\n",
                                        "sweep: {chip.noise: [0, 1]}\nchip: {noise: 3}\n"};
    for (size_t i = 0; i < 2; i++) {
        MhoStudy study = read_text(texts[i]);
        char *text = mho_study_text(&study);
        check_values(&study, 0, "chip.noise", "0 1");
        ck_assert_str_eq(text, "chip.noise=[0, 1]\n"); /* the body's value is not used */
        free(text);
        mho_study_destroy(&study);
    }
    MhoStudy study = read_text("chip.noise: 3\nsweep: {chip.noise: 2}\n");
    MhoError error = {0};
    check_values(&study, 0, "chip.noise", "2");
    must(mho_study_set(&study, "chip.noise=4", &error), &error);
    ck_assert_uint_eq(study.n_axes, 0);
    ck_assert_double_eq(mho_settings_chip(study.settings)->noise, 4.0);
    mho_study_destroy(&study);
    study = read_text("sweep:\n"); /* all axes are commented out */
    ck_assert_uint_eq(study.n_axes, 0);
    mho_study_destroy(&study);
}

/* Ranges in log have both ends exactly and even steps between; whole numbers are rounded, each once; units of time. */
TEST(ranges_in_log_and_in_time)
{
    MhoStudy study = read_text("sweep:\n"
                               "  chip.time: \"log:1:1e6:7\"\n"
                               "  chip.array.rows: \"log:1:8:8\"\n"
                               "  chip.noise: \"log:0.3:3:3\"\n"
                               "  chip.cell.t_observe: \"1h:4h:90min\"\n"
                               "  chip.cell.nor_flash.t_flicker: [1d, \"1 y\", 30]\n"
                               "  seed: \"log:10:1:2\"\n"
                               "  data.limit: [1e3, 2.5e3]\n");
    check_values(&study, 0, "chip.time", "1 10 100 1000 10000 100000 1000000");
    check_values(&study, 1, "chip.array.rows", "1 2 3 4 6 8");
    check_values(&study, 2, "chip.noise", "0.3 0.948683298051 3");
    check_values(&study, 3, "chip.cell.t_observe", "3600 9000 14400");
    check_values(&study, 4, "chip.cell.nor_flash.t_flicker", "86400 31557600 30");
    check_values(&study, 5, "seed", "10 1");
    check_values(&study, 6, "data.limit", "1000 2500");
    MhoError error = {0};
    must(mho_study_set(&study, "chip.time=log:1min:1y:3", &error), &error);
    check_values(&study, 0, "chip.time", "60 43513.859861 31557600");
    mho_study_destroy(&study);
}

/* A text that begins with a bracket is no list when the study is read back. */
TEST(texts_in_brackets)
{
    MhoStudy study = read_text("title: \"[draft] a, b\"\n"), again;
    MhoError error = {0};
    char *text = mho_study_text(&study);
    must(mho_study_from_text(text, "r.h5", &again, &error), &error);
    ck_assert_str_eq(mho_settings_study(again.settings)->title, "[draft] a, b");
    free(text);
    mho_study_destroy(&again);
    mho_study_destroy(&study);
    study = read_text("title: \"[a, b]\"\n");
    text = mho_study_text(&study);
    must(mho_study_from_text(text, "r.h5", &again, &error), &error);
    ck_assert_str_eq(mho_settings_study(again.settings)->title, "[a, b]");
    free(text);
    mho_study_destroy(&again);
    mho_study_destroy(&study);
}

typedef struct Heard {
    size_t n;
    char text[4096];
} Heard;

static void hear(void *context, MhoLogLevel level, const char *text)
{
    Heard *heard = context;
    ck_assert_int_eq(level, MHO_LOG_WARNING);
    heard->n++;
    snprintf(heard->text + strlen(heard->text), sizeof heard->text - strlen(heard->text), "%s\n", text);
}

static Heard warnings_of(const MhoStudy *study)
{
    Heard heard = {0};
    const MhoLog log = {.write = hear, .context = &heard};
    MhoPointList list;
    MhoError error = {0};
    must(mho_points_create(study, &list, &error), &error);
    mho_points_warn(&list, &log);
    mho_points_destroy(&list);
    return heard;
}

/* A fixed key that no point uses gives one line with its place; keys that are used, that name things or that have their
 * default give none. */
TEST(keys_without_effect_warn)
{
    MhoStudy study = read_text("title: t\nrepeat: 3\nseed: 9\ndata: {name: x.h5, limit: 7, split: train}\n"
                               "chip:\n  noise: 2\n  cell:\n    pcm: {prog_scale: 0.5, drift_scale: 1}\n"
                               "  adc: {uniform: {bits: 6}, full_scale: 0.5}\n"
                               "train: {step_epochs: 5, width: 0.5}\n");
    MhoError error = {0};
    Heard heard = warnings_of(&study);
    ck_assert_msg(heard.n == 4, "%s", heard.text);
    ck_assert_ptr_nonnull(strstr(heard.text, "study.yaml:6: chip.noise: nothing in this study uses it"));
    ck_assert_ptr_nonnull(strstr(heard.text, "study.yaml:8: chip.cell.pcm.prog_scale: nothing in this study uses it: "
                                             "chip.cell.name is ideal; set it to pcm to use it"));
    ck_assert_ptr_nonnull(strstr(heard.text, "study.yaml:9: chip.adc.full_scale: nothing"));
    ck_assert_ptr_nonnull(strstr(heard.text, "study.yaml:10: train.step_epochs: nothing"));
    /* with one point that uses them, all is well */
    must(mho_study_set(&study, "chip.cell.name=[ideal, pcm]", &error), &error);
    must(mho_study_set(&study, "chip.adc.range=[fixed, unit]", &error), &error);
    must(mho_study_set(&study, "train.schedule=step", &error), &error);
    heard = warnings_of(&study);
    ck_assert_msg(heard.n == 0, "%s", heard.text);
    must(mho_study_set(&study, "chip.dac.amplitude.bits=6", &error), &error);
    must(mho_study_set(&study, "chip.cell.nor_flash.n=2", &error), &error);
    must(mho_study_set(&study, "sample.n=6", &error), &error);
    heard = warnings_of(&study);
    ck_assert_msg(heard.n == 2, "%s", heard.text);
    ck_assert_ptr_nonnull(strstr(heard.text, "--set: sample.n: no key under sweep: has an interval"));
    ck_assert_ptr_nonnull(strstr(heard.text, "--set: chip.cell.nor_flash.n: nothing in this study uses it: it has no"));
    mho_study_destroy(&study);
    study = read_text("chip: {adc: {name: ideal}, array: {rows: 64}}\nnoise: {sum: 1}\n");
    heard = warnings_of(&study);
    ck_assert_msg(heard.n == 1, "%s", heard.text);
    ck_assert_ptr_nonnull(strstr(heard.text, "study.yaml:1: chip.array.rows: nothing in this study uses it: noise on "
                                             "codes takes the place of the chip"));
    mho_study_destroy(&study);
}

/* A key in the body that every grid sweeps does not warn: the sweep wins. */
TEST(swept_keys_do_not_warn)
{
    MhoStudy study = read_text("chip: {cell: {name: nor_flash}, noise: 2}\nsweep: {chip.noise: [0, 1]}\n");
    const Heard heard = warnings_of(&study);
    ck_assert_msg(heard.n == 0, "%s", heard.text);
    mho_study_destroy(&study);
}

/* No study of this project has a key without effect. */
TEST(own_studies_are_clean)
{
    glob_t found;
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/experiments/*.yaml", test_source_root());
    ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
    ck_assert_uint_gt(found.gl_pathc, 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        MhoStudy study;
        MhoError error = {0};
        must(mho_study_read(found.gl_pathv[i], &study, &error), &error);
        const Heard heard = warnings_of(&study);
        ck_assert_msg(heard.n == 0, "%s: %s", found.gl_pathv[i], heard.text);
        mho_study_destroy(&study);
    }
    globfree(&found);
}

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
}

/* Files that are not below the current folder are looked up beside the study; absolute paths, names of data sets and
 * files that are in neither stay as they are. */
TEST(paths_beside_the_study)
{
    char folder[] = "/tmp/mho-paths-XXXXXX", path[128], long_name[200], found[MHO_DATA_PATH_MAX], expected[512];
    MhoSettings *settings, *copy;
    MhoError error = {0};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/study.yaml", folder);
    must(mho_settings_create(&settings, &error), &error);
    must(mho_settings_set_folder(settings, path, &error), &error);
    must(mho_settings_copy(settings, &copy, &error), &error); /* a point of a sweep */
    mho_settings_destroy(settings);
    for (const char *const *name = (const char *const[]){"images", "labels", "set.h5", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", folder, *name);
        touch(path);
    }
    const char *const same[] = {"fashion-mnist", "idx:none,none2", "none.h5", "/none/set.h5", "cifar:", ""};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        must(mho_settings_data_path(copy, same[i], found, &error), &error);
        ck_assert_str_eq(found, same[i]);
    }
    must(mho_settings_data_path(copy, "idx:images,labels", found, &error), &error);
    snprintf(expected, sizeof expected, "idx:%s/images,%s/labels", folder, folder);
    ck_assert_str_eq(found, expected);
    must(mho_settings_data_path(copy, "cifar:none,labels,images", found, &error), &error);
    snprintf(expected, sizeof expected, "cifar:none,%s/labels,%s/images", folder, folder);
    ck_assert_str_eq(found, expected);
    must(mho_settings_data_path(copy, "set.h5", found, &error), &error);
    snprintf(expected, sizeof expected, "%s/set.h5", folder);
    ck_assert_str_eq(found, expected);
    must_refuse(mho_settings_input_path(copy, "set.h5", found, 8, &error), &error, MHO_USAGE, "too long");
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    must_refuse(mho_settings_input_path(copy, long_name, found, 100, &error), &error, MHO_USAGE, "too long");
    mho_settings_destroy(copy);
    for (const char *const *name = (const char *const[]){"images", "labels", "set.h5", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", folder, *name);
        unlink(path);
    }
    rmdir(folder);
}
