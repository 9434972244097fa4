/* test_study_train.c - recipes: the chip of train.chip, keys that a stages does not use, what float nets share, names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "must.h"
#include "study/keys/points.h"
#include "study/models/model_file.h"
#include "study/keys/train_chip.h"

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

/* A text and a mapping, in any order, are one chip in one form. */
TEST(one_form)
{
    static const char *const spelt[][4] = {
        {"train.chip=time=86400  cell.name=pcm", NULL},
        {"train.chip=cell.name=pcm time=86400.0 noise=1", NULL},
        {"train.chip.time=86400", "train.chip.cell.name=pcm", NULL},
        {"train.chip=cell.name=nor_flash time=1", "train.chip.cell.name=pcm", "train.chip.time=8.64e4", NULL},
    };
    for (size_t i = 0; i < sizeof spelt / sizeof *spelt; i++) {
        MhoStudy study = study_of(spelt[i]);
        ck_assert_str_eq(mho_settings_train(study.settings)->chip, "cell.name=pcm time=86400");
        mho_study_destroy(&study);
    }
    MhoStudy study = STUDY("train.chip=cell.name=pcm", "train.chip=");
    ck_assert_str_eq(mho_settings_train(study.settings)->chip, "");
    mho_study_destroy(&study);
}

static const struct {
    const char *assignment, *words;
} refused[] = {
    {"train.chip=cell.nam=pcm", "'chip.cell.name'"},
    {"train.chip=tme=3", "train.chip: unknown key 'chip.tme'; did you mean 'chip.time'"},
    {"train.chip.adc.uniform.bit=3", "'chip.adc.uniform.bits'"},
    {"train.chip=time", "key=value"},
    {"train.chip==3", "key=value"},
    {"train.chip=time=-1", "train.chip: chip.time"},
    {"train.chip=time=nan", "chip.time"},
    {"train.chip=time=1 noise=1 time=2", "time is given twice"},
    {"train.chip.seed=3", "unknown key 'chip.seed'"},
};

TEST_LOOP(refused_texts, 0, (int)(sizeof refused / sizeof *refused))
{
    MhoStudy study = STUDY("train.chip=cell.name=pcm time=3600");
    MhoError error = {0};
    must_refuse(mho_study_set(&study, refused[_i].assignment, &error), &error, MHO_USAGE, refused[_i].words);
    ck_assert_ptr_nonnull(strstr(error.text, "train.chip"));
    ck_assert_str_eq(mho_settings_train(study.settings)->chip, "cell.name=pcm time=3600");
    mho_study_destroy(&study);
}

/* The study's own chip keys do not act on it, and no study's seed is its seed. */
TEST(chip_of_a_recipe)
{
    MhoTrainChip chip, other;
    MhoError error = {0};
    must(mho_train_chip_create("time=3600 cell.name=pcm adc.uniform.bits=5", 7, &chip, &error), &error);
    must(mho_train_chip_create("time=3600 cell.name=pcm adc.uniform.bits=5", 8, &other, &error), &error);
    ck_assert_str_eq(chip.config.cell->descriptor.name, "pcm");
    ck_assert_double_eq(chip.config.chip.time, 3600.0);
    ck_assert_int_eq(chip.config.adc->bits(chip.config.adc_params), 5);
    ck_assert_uint_ne(chip.config.seed, other.config.seed);
    ck_assert_uint_gt(chip.config.seed, 2147483647U);
    mho_train_chip_destroy(&chip);
    mho_train_chip_destroy(&other);
    must_refuse(mho_train_chip_create("cell.name=pcn", 1, &chip, &error), &error, MHO_USAGE, "train.chip: ");
    ck_assert_ptr_nonnull(strstr(error.text, "'pcm'"));
    must_refuse(mho_train_chip_create("time=3600", 1, &chip, &error), &error, MHO_USAGE, "time=3600 does nothing");
    must_refuse(mho_train_chip_create("cell.name=pcm cell.nor_flash.i_unit=1e-9", 1, &chip, &error), &error, MHO_USAGE,
                "cell.nor_flash.i_unit");
    ck_assert_ptr_null(chip.settings);
}

/* Which keys training by a stages reads. */
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
    {"train.chip", {"train.stages=float:1 4/4:1"}, false},
    {"train.chip", {"train.stages=float:1 4/4:1 chip:2@0.01"}, true},
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
    {"train.chip", {"train.stages=float:1 4/4:1 allocate"}, false},
    {"train.chip", {"train.stages=float:1 4/4:1 allocate", "allocate.feedback=chip"}, true},
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

TEST_LOOP(keys_of_a_ladder, 0, (int)(sizeof reads / sizeof *reads))
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

/* Calibration images set the ranges of chips that layers compete on, where recoveries do not learn them, and act on no
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

/* What is asked of training and has no stage is refused: swept, or set. */
static const char *const idle[][3] = {
    {"train.stages=float:1", "train.noise.weight=0.3", "train.noise.weight"},
    {"train.stages=float:1", "train.noise.weight=0,0.3", "train.noise.weight"},
    {"train.stages=float:1 4/4:1", "train.chip=cell.name=pcm", "train.chip"},
    {"train.stages=float:1 4/4:1", "train.chip.cell.name=pcm", "train.chip"},
    {"train.stages=float:1 4/4:1", "train.validation_chips=4", "train.validation_chips"},
    {"train.stages=float:1 4/4:1", "train.validation_chips=2,4", "train.validation_chips"},
    {"train.stages=float:1 4/4:1", "train.gradual.layers=2",
     "train.gradual.layers: only a quantized stage with injected noise"},
    {"train.stages=float:1 4/4:1 chip:1", "train.chip=cell.name=pcn",
     "train.chip: chip.cell.name: unknown cell 'pcn'; did you mean 'pcm'"},
    {"train.stages=float:1 4/4:1 chip:1", "train.chip=temperature=300", "does nothing"},
    {"train.stages=float:1 4/4:1", "allocate.size=4", "allocate.size"},
    {"train.stages=float:1 8/8:1 allocate", "allocate.name=cq",
     "allocate.name: unknown allocator 'cq'; did you mean 'ccq'"},
    {"train.stages=float:1 8/8:1 allocate", "allocate.recovery=codes",
     "only a stage allocate with allocate.feedback=chip uses"},
    {"train.stages=float:1 8/8:1 allocate", "allocate.bit_widths=4 6", "allocate.bit_widths"},
};

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
        STUDY("model=m_{recipe}.h5", "train.chip=cell.name=pcm", "train.stages=[float:1 4/4:1, float:1 4/4:1 chip:1]");
    must(mho_points_create(&study, &grid, &error), &error);
    ck_assert_uint_eq(grid.n_points, 2);
    mho_points_destroy(&grid);
    mho_study_destroy(&study);
}

/* A float stages alone has one recipe whatever follows it elsewhere; what acts on a float net still counts. */
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
        {"train.chip=cell.name=pcm", false},
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

TEST(names_of_files)
{
    MhoStudy study = STUDY("model=m/a_{recipe}_b.h5");
    MhoError error = {0};
    char path[128];
    must(mho_model_float_path(study.settings, "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "m/a_float-0123456789ab_b.h5");
    must(mho_study_set(&study, "model=m/a.h5", &error), &error);
    must(mho_model_float_path(study.settings, "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "");
    must(mho_checkpoint_path("m.d/a.b.h5", "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "results/checkpoints/a.b-0123456789ab.h5");
    must(mho_checkpoint_path("m.d/a", "0123456789abcdef", path, sizeof path, &error), &error);
    ck_assert_str_eq(path, "results/checkpoints/a-0123456789ab.h5");
    must_refuse(mho_checkpoint_path("m.d/a", "0123456789abcdef", path, 20, &error), &error, MHO_USAGE, "too long");
    mho_study_destroy(&study);
}

/* Mappings of a study file and where their errors point. */
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
            ck_assert_str_eq(mho_settings_train(study.settings)->chip, "cell.name=pcm time=86400");
            mho_study_destroy(&study);
        } else {
            snprintf(where, sizeof where, "%s:4: train.chip: unknown key 'chip.cell.nam'", path);
            ck_assert_int_eq(status, MHO_USAGE);
            ck_assert_msg(strstr(error.text, where), "%s", error.text);
        }
    }
}
