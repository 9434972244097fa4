/* test_study_train.c - recipes: the chip that training sees, keys that no stage uses, shared float nets, file names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "must.h"
#include "study/keys/points.h"
#include "study/models/model_file.h"

static MhoStudy study_of(const char *const *assignments)
{
    MhoStudy study;
    MhoError error = {0};
    must(mho_study_read(NULL, &study, &error), &error);
    study.has_train = true;
    for (; *assignments; assignments++)
        must(mho_study_set(&study, *assignments, &error), &error);
    return study;
}
#define STUDY(...) study_of((const char *const[]){__VA_ARGS__, NULL})

static bool recipe_has(const MhoStudy *study, const char *line)
{
    char *text = mho_settings_canonical(study->settings, true);
    ck_assert_ptr_nonnull(text);
    const bool has = strstr(text, line) != NULL;
    free(text);
    return has;
}

/* Every key of chip.* is a key of train.chip.* with the same table, and no other is. */
TEST(train_chip_has_the_keys_of_chip)
{
    MhoStudy study = STUDY("seed=1");
    MhoSettingsKey key = {0};
    size_t n = 0, n_twins = 0;
    while (mho_settings_next(study.settings, &key)) {
        char twin[3 * MHO_KEY_MAX];
        snprintf(twin, sizeof twin, "train.%s", key.name);
        if (strncmp(key.name, "chip.", 5) == 0)
            ck_assert_ptr_eq(mho_settings_find(study.settings, twin, NULL), key.param);
        n += strncmp(key.name, "chip.", 5) == 0;
        n_twins += strncmp(key.name, "train.chip.", 11) == 0;
    }
    ck_assert_uint_gt(n, 30);
    ck_assert_uint_eq(n, n_twins);
    mho_study_destroy(&study);
}

/* Assignments in any order and numbers in any form give one recipe, which names every key the chip uses. */
TEST(assignments_of_a_train_chip_give_one_recipe)
{
    static const char *const spelt[][5] = {
        {"train.stages=float:1 4/4:1 chip:1", "train.chip.time=86400", "train.chip.cell.name=pcm", NULL},
        {"train.chip.cell.name=pcm", "train.chip.time=8.64e4", "train.stages=float:1 4/4:1 chip:1", NULL},
        {"train.stages=float:1 4/4:1 chip:1", "train.chip.cell.name=nor_flash", "train.chip.cell.name=pcm",
         "train.chip.time=86400.0", NULL},
    };
    char digest[65], first[65] = "";
    MhoError error = {0};
    for (size_t i = 0; i < sizeof spelt / sizeof *spelt; i++) {
        MhoStudy study = study_of(spelt[i]);
        must(mho_recipe_digest(study.settings, digest, &error), &error);
        ck_assert(recipe_has(&study, "\ntrain.chip.cell.name=pcm\n") &&
                  recipe_has(&study, "\ntrain.chip.time=86400\n"));
        ck_assert(recipe_has(&study, "\ntrain.chip.cell.pcm.prog_scale=1\n"));
        ck_assert(!recipe_has(&study, "train.chip.cell.nor_flash."));
        if (i > 0)
            ck_assert_str_eq(digest, first);
        memcpy(first, digest, sizeof first);
        mho_study_destroy(&study);
    }
}

static const struct {
    const char *assignment, *words;
} refused[] = {
    {"train.chip=cell.name=pcm", "unknown key 'train.chip'; did you mean 'train.chip.cell.name'"},
    {"train.chip=", "unknown key 'train.chip'; did you mean 'train.chip.cell.name'"},
    {"train.chip.cell.nam=pcm", "did you mean 'train.chip.cell.name'"},
    {"train.chip.tme=3", "unknown key 'train.chip.tme'; did you mean 'train.chip.time'"},
    {"train.chip.adc.uniform.bit=3", "'train.chip.adc.uniform.bits'"},
    {"train.chip.time=-1", "train.chip.time"},
    {"train.chip.time=nan", "train.chip.time"},
    {"train.chip.seed=3", "unknown key 'train.chip.seed'"},
};

/* A misspelt key of the train chip names the nearest one, and a refused value changes nothing. */
TEST_LOOP(bad_train_chip_keys_are_refused, 0, (int)(sizeof refused / sizeof *refused))
{
    MhoStudy study = STUDY("train.chip.cell.name=pcm", "train.chip.time=3600");
    MhoError error = {0};
    char *before = mho_study_text(&study);
    must_refuse(mho_study_set(&study, refused[_i].assignment, &error), &error, MHO_USAGE, refused[_i].words);
    ck_assert_ptr_nonnull(strstr(error.text, "train.chip"));
    char *after = mho_study_text(&study);
    ck_assert_str_eq(before, "train.chip.cell.name=pcm\ntrain.chip.time=3600\n");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    mho_study_destroy(&study);
}

/* The study's own chip keys do not act on the chip of training, and no study has its seed. */
TEST(chip_of_a_recipe)
{
    MhoStudy study = STUDY("seed=7", "train.chip.time=3600", "train.chip.cell.name=pcm",
                           "train.chip.adc.uniform.bits=5", "chip.time=9", "chip.adc.uniform.bits=3");
    MhoChipConfig chip, other, tested;
    MhoError error = {0};
    must(mho_settings_train_chip_config(study.settings, &chip, &error), &error);
    must(mho_study_set(&study, "seed=8", &error), &error);
    must(mho_settings_train_chip_config(study.settings, &other, &error), &error);
    must(mho_settings_chip_config(study.settings, &tested, &error), &error);
    ck_assert_str_eq(chip.cell->descriptor.name, "pcm");
    ck_assert_str_eq(tested.cell->descriptor.name, "ideal");
    ck_assert_double_eq(chip.chip.time, 3600.0);
    ck_assert_double_eq(tested.chip.time, 9.0);
    ck_assert_int_eq(chip.adc->bits(chip.adc_params), 5);
    ck_assert_int_eq(tested.adc->bits(tested.adc_params), 3);
    ck_assert_uint_eq(chip.seed, (uint64_t)1 << 63 | 7);
    ck_assert_uint_eq(other.seed, (uint64_t)1 << 63 | 8);
    must(mho_study_set(&study, "train.chip.cell.name=pcn", &error), &error);
    must_refuse(mho_settings_train_chip_config(study.settings, &chip, &error), &error, MHO_USAGE,
                "train.chip.cell.name: ");
    ck_assert_ptr_nonnull(strstr(error.text, "'pcm'"));
    mho_study_destroy(&study);
}

/* A chip is named by any key that differs from its default. */
TEST(any_key_names_a_train_chip)
{
    static const struct {
        const char *assignment;
        bool named;
    } cases[] = {
        {"train.chip.time=0", false},  {"train.chip.cell.name=ideal", false}, {"train.chip_curriculum=spread", false},
        {"chip.cell.name=pcm", false}, {"train.chip.cell.name=pcm", true},    {"train.chip.array.rows=64", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        MhoStudy study = STUDY(cases[i].assignment);
        ck_assert_msg(mho_settings_has_train_chip(study.settings) == cases[i].named, "%s", cases[i].assignment);
        mho_study_destroy(&study);
    }
}

/* Keys that training by these stages reads, or does not. */
static const struct {
    const char *key, *assignments[4];
    bool used;
} reads[] = {
    {"train.learning_rate", {"train.stages=float:1"}, true},
    {"train.patience", {"train.stages=float:1"}, true},
    {"train.noise.sum", {"train.stages=float:1"}, false},
    {"train.noise.sum", {"train.stages=float:1 4/4:1"}, true},
    {"train.distill", {"train.stages= float:1 "}, false},
    {"train.distill_temperature", {"train.stages=float:1 4/4:1"}, true},
    {"train.distill_temperature", {"train.stages=float:1 4/4:1", "train.distill=0"}, false},
    {"quant.shift", {"train.stages=float:1 4/4:1"}, false},
    {"quant.shift", {"train.stages=float:1 fq 4/4:1"}, true},
    {"quant.shift", {"train.stages=float:1 4/4:1 fq:1@0.1"}, true},
    {"train.step_factor", {"train.stages=float:1"}, false},
    {"train.step_factor", {"train.stages=float:1", "train.schedule=step"}, true},
    {"train.chip.cell.name", {"train.stages=float:1 4/4:1"}, false},
    {"train.chip.cell.name", {"train.stages=float:1 4/4:1 chip:2@0.01"}, true},
    {"train.chip.time", {"train.stages=float:1 4/4:1 chip:2", "train.chip.cell.name=pcm"}, true},
    {"train.chip.time", {"train.stages=float:1 4/4:1 chip:2", "chip.cell.name=pcm"}, false},
    {"train.chip.cell.pcm.prog_scale", {"train.stages=float:1 4/4:1 chip:2", "train.chip.cell.name=pcm"}, true},
    {"train.chip.cell.pcm.prog_scale", {"train.stages=float:1 4/4:1 chip:2"}, false},
    {"train.chip.cell.pcm.prog_scale", {"train.stages=float:1 4/4:1", "train.chip.cell.name=pcm"}, false},
    {"train.chip.adc.full_scale", {"train.stages=float:1 4/4:1 chip:2"}, false},
    {"train.chip.adc.full_scale", {"train.stages=float:1 4/4:1 chip:2", "train.chip.adc.range=fixed"}, true},
    {"train.validation_chips", {"train.stages=float:1 4/4:1"}, false},
    {"train.chip_curriculum", {"train.stages=float:1 4/4:1 chip:2"}, true},
    {"train.gradual.layers", {"train.stages=float:1 4/4:1"}, false},
    {"train.gradual.layers", {"train.stages=float:1 4/4:1", "quant.weight.name=uniq"}, true},
    {"train.gradual.layers", {"train.stages=float:1", "quant.weight.name=uniq"}, false},
    {"train.gradual.layers",
     {"train.stages=float:1 4/4:1", "quant.weight.name=uniq", "train.gradual.noise=false"},
     false},
    {"train.gradual.noise",
     {"train.stages=float:1 4/4:1", "quant.weight.name=uniq", "train.gradual.noise=false"},
     true},
    {"train.gradual.noise", {"train.stages=float:1 4/4:1"}, false},
    {"allocate.name", {"train.stages=float:1 4/4:1"}, false},
    {"allocate.name", {"train.stages=float:1 4/4:1 allocate fq:1"}, true},
    {"allocate.ccq.temperature", {"train.stages=float:1 4/4:1 allocate"}, true},
    {"allocate.ccq.temperature", {"train.stages=float:1 4/4:1 allocate", "allocate.name=uniform"}, false},
    {"allocate.trial_chips", {"train.stages=float:1 4/4:1 allocate"}, false},
    {"allocate.trial_chips", {"train.stages=float:1 4/4:1 allocate", "allocate.feedback=chip"}, true},
    {"train.chip.cell.name", {"train.stages=float:1 4/4:1 allocate"}, false},
    {"train.chip.cell.name", {"train.stages=float:1 4/4:1 allocate", "allocate.feedback=chip"}, true},
    {"train.validation_chips", {"train.stages=float:1 4/4:1 allocate"}, false},
    {"train.validation_chips", {"train.stages=float:1 4/4:1 allocate", "allocate.feedback=chip"}, true},
    {"train.chip_curriculum",
     {"train.stages=float:1 4/4:1 allocate", "allocate.feedback=chip", "allocate.recovery=codes"},
     false},
    {"allocate.recovery", {"train.stages=float:1 4/4:1 allocate", "allocate.recovery=codes"}, false},
    {"allocate.recovery",
     {"train.stages=float:1 4/4:1 allocate", "allocate.feedback=chip", "allocate.recovery=codes"},
     true},
};

/* The recipe names exactly the keys that its stages read. */
TEST_LOOP(keys_of_stages, 0, (int)(sizeof reads / sizeof *reads))
{
    MhoStudy study = study_of(reads[_i].assignments);
    char line[2 * MHO_KEY_MAX];
    snprintf(line, sizeof line, "\n%s=", reads[_i].key);
    char *text = mho_settings_canonical(study.settings, true);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg((strstr(text, line) != NULL) == reads[_i].used, "%s in the recipe of %s", reads[_i].key,
                  mho_settings_train(study.settings)->stages);
    ck_assert_int_eq(mho_settings_uses(study.settings, reads[_i].key), reads[_i].used);
    free(text);
    mho_study_destroy(&study);
}

/* Calibration images set the ranges of trial moves on chips, where recoveries do not learn them, and act on no
 * other recipe. */
TEST(calibration_of_an_allocator)
{
    static const char *const sets[][2] = {{"allocate.feedback=codes", "allocate.recovery=codes"},
                                          {"allocate.feedback=chip", "allocate.recovery=same"},
                                          {"allocate.feedback=chip", "allocate.recovery=codes"}};
    char before[65], after[65];
    MhoError error = {0};
    for (size_t i = 0; i < 3; i++) {
        MhoStudy study = STUDY("train.stages=float:1 8/8:1 allocate", sets[i][0], sets[i][1]);
        must(mho_recipe_digest(study.settings, before, &error), &error);
        must(mho_study_set(&study, "data.calibration=9", &error), &error);
        must(mho_recipe_digest(study.settings, after, &error), &error);
        ck_assert_int_eq(strcmp(before, after) != 0, i == 2);
        mho_study_destroy(&study);
    }
}

/* A key of training that no stage uses is refused, swept or set. */
static const char *const idle[][3] = {
    {"train.stages=float:1", "train.noise.weight=0.3", "train.noise.weight"},
    {"train.stages=float:1", "train.noise.weight=0,0.3", "train.noise.weight"},
    {"train.stages=float:1 4/4:1", "train.chip.cell.name=pcm", "train.chip.cell.name: only a stage chip"},
    {"train.stages=float:1 4/4:1", "train.chip.cell.name=[ideal, pcm]", "train.chip.cell.name"},
    {"train.stages=float:1 4/4:1", "train.validation_chips=4", "train.validation_chips"},
    {"train.stages=float:1 4/4:1", "train.validation_chips=2,4", "train.validation_chips"},
    {"train.stages=float:1 4/4:1", "train.gradual.layers=2",
     "train.gradual.layers: only a quantized stage with injected noise"},
    {"train.stages=float:1 4/4:1 chip:1", "train.chip.cell.name=pcn",
     "train.chip.cell.name: unknown cell 'pcn'; did you mean 'pcm'"},
    {"train.stages=float:1 4/4:1 chip:1", "train.chip.temperature=300", "train.chip.temperature does nothing"},
    {"train.stages=float:1 4/4:1 chip:1", "train.chip.cell.pcm.prog_scale=2",
     "train.chip.cell.pcm.prog_scale does nothing"},
    {"train.stages=float:1 4/4:1 chip:1", "train.chip.time=1,2", "no point of this study uses it"},
    {"train.stages=float:1 4/4:x", "seed=1", "train.stages: '4/4:x'"},
    {"train.stages=float:1 4/4:1", "allocate.size=4", "allocate.size"},
    {"train.stages=float:1 8/8:1 allocate", "allocate.name=cq",
     "allocate.name: unknown allocator 'cq'; did you mean 'ccq'"},
    {"train.stages=float:1 8/8:1 allocate", "allocate.recovery=codes",
     "only a stage allocate with allocate.feedback=chip uses"},
    {"train.stages=float:1 8/8:1 allocate", "allocate.bit_widths=4 6", "allocate.bit_widths"},
};

/* A key that no point uses is refused with what it lacks; one point that uses it is enough. */
TEST_LOOP(idle_keys, 0, (int)(sizeof idle / sizeof *idle))
{
    MhoStudy study = STUDY("model=m_{recipe}.h5", idle[_i][0], idle[_i][1]);
    MhoPointList grid;
    MhoError error = {0};
    must_refuse(mho_points_create(&study, &grid, &error), &error, MHO_USAGE, idle[_i][2]);
    mho_study_destroy(&study);
    /* another allocator's keys */
    study = STUDY("train.stages=float:1 8/8:1 allocate", "allocate.name=uniform", "allocate.ccq.temperature=2");
    must_refuse(mho_points_create(&study, &grid, &error), &error, MHO_USAGE,
                "by this allocator (allocate.name) uses it");
    mho_study_destroy(&study);
    /* a stage of any point is enough */
    study =
        STUDY("model=m_{recipe}.h5", "train.chip.cell.name=pcm", "train.stages=[float:1 4/4:1, float:1 4/4:1 chip:1]");
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, 2);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
    /* a model of any point is enough, and points that differ in keys no model uses are one */
    study = STUDY("model=m_{recipe}.h5", "train.stages=float:1 4/4:1 chip:1", "train.chip.cell.name=[ideal, pcm]",
                  "train.chip.time=1,2");
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, 3);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}

/* A float stage alone has one recipe whatever follows it in other studies; keys that act on a float net count. */
TEST(float_recipes)
{
    static const struct {
        const char *assignment;
        bool changes;
    } cases[] = {
        {"quant.weight.name=uniq", false},
        {"quant.weight.scale=per_tensor", false},
        {"quant.shift=none", false},
        {"quant.weight.fqconv.gradient=straight", false},
        {"train.quant_learning_rate=0.5", false},
        {"train.distill=0.1", false},
        {"train.noise.sum=0.5", false},
        {"train.chip.cell.name=pcm", false},
        {"train.gradual.layers=3", false},
        {"train.validation_chips=4", false},
        {"allocate.size=3", false},
        {"data.calibration=9", false},
        {"seed=2", true},
        {"train.learning_rate=0.05", true},
        {"train.width=0.5", true},
        {"train.limit=9", true},
        {"train.schedule=step", true},
        {"train.label_smoothing=0.1", true},
    };
    char before[65], after[65];
    MhoError error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        MhoStudy study = STUDY("train.stages=float:2");
        must(mho_recipe_digest(study.settings, before, &error), &error);
        must(mho_study_set(&study, cases[i].assignment, &error), &error);
        must(mho_recipe_digest(study.settings, after, &error), &error);
        ck_assert_msg((strcmp(before, after) != 0) == cases[i].changes, "%s", cases[i].assignment);
        mho_study_destroy(&study);
    }
}

/* Checkpoints and shared float nets have names from the model and the recipe. */
TEST(names_of_files)
{
    MhoStudy study = STUDY("model=m/a_{recipe}_b.h5");
    MhoError error = {0};
    char path[128], other[128];
    must(mho_model_float_path(study.settings, "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "m/a_float-0123456789ab_b.h5");
    must(mho_study_set(&study, "model=m/a.h5", &error), &error);
    must(mho_model_float_path(study.settings, "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "");
    must(mho_checkpoint_path(NULL, "m.d/a.b.h5", "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_ptr_nonnull(strstr(path, "results/checkpoints/a.b-0123456789ab-"));
    must(mho_checkpoint_path("f", "m.d/a", "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_ptr_nonnull(strstr(path, "f/a-0123456789ab-"));
    must(mho_checkpoint_path("f", "n.d/a", "0123456789abcdef", other, sizeof other, &error), &error);
    ck_assert_str_ne(path, other); /* models of one name and recipe in two folders */
    must(mho_checkpoint_path("f", "a.h5", "0123456789abcdef", path, sizeof path, &error), &error);
    must(mho_checkpoint_path("f", "./a.h5", "0123456789abcdef", other, sizeof other, &error), &error);
    ck_assert_str_eq(path, other); /* one folder */
    ck_assert_uint_eq(strlen(path), strlen("f/a-0123456789ab-012345.h5"));
    must_refuse(mho_checkpoint_path(NULL, "m.d/a", "0123456789abcdef", path, 20, &error), &error, MHO_USAGE,
                "too long");
    mho_study_destroy(&study);
}

/* A study file names the chip as nested mappings, and an error names its line. */
TEST(chip_as_mapping)
{
    static const char good[] = "train:\n  stages: float:1 4/4:1 chip:1\n  chip: {cell: {name: pcm}, time: 86400}\n",
                      bad[] = "train:\n  chip:\n    time: 3600\n    cell: {nam: pcm}\n";
    const char *const texts[] = {good, bad};
    for (size_t i = 0; i < 2; i++) {
        char path[] = "/tmp/mho-study-XXXXXX", where[64];
        int file = mkstemp(path);
        MhoError error = {0};
        MhoStudy study;
        ck_assert_int_ge(file, 0);
        ck_assert_int_eq((int)write(file, texts[i], strlen(texts[i])), (int)strlen(texts[i]));
        close(file);
        MhoStatus status = mho_study_read(path, &study, &error);
        unlink(path);
        if (i == 0) {
            must(status, &error);
            ck_assert(recipe_has(&study, "\ntrain.chip.cell.name=pcm\n") &&
                      recipe_has(&study, "\ntrain.chip.time=86400\n"));
            mho_study_destroy(&study);
        } else {
            snprintf(where, sizeof where, "%s:4: unknown key 'train.chip.cell.nam'", path);
            ck_assert_int_eq(status, MHO_USAGE);
            ck_assert_msg(strstr(error.text, where), "%s", error.text);
        }
    }
}
