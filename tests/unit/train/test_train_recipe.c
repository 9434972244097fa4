/* test_train_recipe.c - stages, parameter tables, learning-rate schedules. */
#include "support/train_sample.h"

static MhoError error;

/* Every kind of stage is read with its bits, epochs and name. */
TEST(test_every_stage_is_read)
{
    MhoStages stages;
    must(mho_stages_parse("  float:6 8/7:1\t2/4:4 fq:3 fq 2/3:5", &stages, &error), &error);
    ck_assert_uint_eq(stages.n, 5);
    ck_assert_int_eq(stages.epochs, 19);
    const struct {
        const char *name;
        MhoStageKind kind;
        int weight_bits, activation_bits, epochs;
    } expected[] = {{"float", MHO_STAGE_FLOAT, 0, 0, 6},
                    {"8/7", MHO_STAGE_QUANTIZED, 8, 7, 1},
                    {"2/4", MHO_STAGE_QUANTIZED, 2, 4, 4},
                    {"fq", MHO_STAGE_FULL, 2, 4, 3},
                    {"fq 2/3", MHO_STAGE_FULL, 2, 3, 5}};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(stages.stages[i].name, expected[i].name);
        ck_assert_int_eq(stages.stages[i].kind, expected[i].kind);
        ck_assert_int_eq(stages.stages[i].weight_bits, expected[i].weight_bits);
        ck_assert_int_eq(stages.stages[i].activation_bits, expected[i].activation_bits);
        ck_assert_int_eq(stages.stages[i].epochs, expected[i].epochs);
    }
}

/* A stage that names no bits has those of the stage before, and its batch norm. */
TEST(test_bits_are_inherited)
{
    MhoStages stages;
    must(mho_stages_parse("float:1 6/5:1 chip:2@0.01 allocate chip:3 fq:0 chip:4", &stages, &error), &error);
    ck_assert_uint_eq(stages.n, 7);
    ck_assert_int_eq(stages.epochs, 11);
    const struct {
        const char *name;
        MhoStageKind kind;
        bool chip, allocated;
        int epochs;
    } expected[] = {{"float", MHO_STAGE_FLOAT, false, false, 1},   {"6/5", MHO_STAGE_QUANTIZED, false, false, 1},
                    {"chip", MHO_STAGE_QUANTIZED, true, false, 2}, {"allocate", MHO_STAGE_ALLOCATE, false, true, 0},
                    {"chip", MHO_STAGE_QUANTIZED, true, true, 3},  {"fq", MHO_STAGE_FULL, false, true, 0},
                    {"chip", MHO_STAGE_FULL, true, true, 4}};
    for (size_t i = 0; i < 7; i++) {
        ck_assert_str_eq(stages.stages[i].name, expected[i].name);
        ck_assert_int_eq(stages.stages[i].kind, expected[i].kind);
        ck_assert_int_eq(stages.stages[i].chip, expected[i].chip);
        ck_assert_int_eq(stages.stages[i].allocated, expected[i].allocated);
        ck_assert_int_eq(stages.stages[i].epochs, expected[i].epochs);
        ck_assert_int_eq(stages.stages[i].weight_bits, i > 0 ? 6 : 0);
        ck_assert_int_eq(stages.stages[i].activation_bits, i > 0 ? 5 : 0);
    }
    ck_assert_double_eq(stages.stages[2].learning_rate, 0.01);
}

/* A bad list of stages is refused with the word and the reason. */
TEST(test_bad_word_is_named)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "no stage"},
        {"   ", "no stage"},
        {"float", "'float': epochs are missing"},
        {"float:x", "'float:x': epochs are"},
        {"float:-1", "'float:-1'"},
        {"float:1e3", "'float:1e3'"},
        {"float:100001", "'float:100001'"},
        {"4/4:1", "'4/4:1': the first"},
        {"float:1 float:2", "'float:2': float can only"},
        {"float:1 4:2", "'4:2'"},
        {"float:1 4/:2", "'4/:2'"},
        {"float:1 0/4:2", "'0/4:2'"},
        {"float:1 17/4:2", "'17/4:2'"},
        {"float:1 4/4/4:2", "'4/4/4:2'"},
        {"float:1 folat:2", "'folat:2': a stage is"},
        {"float:1 fq:2", "'fq:2': fq after float"},
        {"float:1 4/4:1 fq", "'fq': epochs are missing"},
        {"float:1 4/4:1 fq:1 2/4:1", "'2/4:1': batch norm is gone"},
        {"float:1 4/4:1 fq fq:1", "'fq:1'"},
        {"float:1 fq float:1", "'float:1'"},
        {"float:1 chip:2", "'chip:2': it needs a quantized stage"},
        {"float:1 allocate", "'allocate': it needs a quantized stage"},
        {"float:1 4/4:1 fq chip:2", "'chip:2': the word fq before it"},
        {"float:1 4/4:1 fq allocate", "'allocate': the word fq"},
        {"float:1 4/4:1 chip", "'chip': epochs are missing"},
        {"float:1 4/4:1 allocate:3", "'allocate:3': allocate has no epochs"},
        {"float:1 4/4:1 allocate allocate", "'allocate': a list of stages allocates once"},
        {"float:1 4/4:1 allocate fq:1 allocate", "'allocate': a list of stages allocates once"},
        {"float:1 4/4:1 fq:1 allocate", "'allocate': batch norm is gone"},
        {"float:1 4/4:1 fq:1 chip:0 4/4:1", "'4/4:1': batch norm is gone"},
        {"float:1 4/4:1 allocate 3/4:1", "'3/4:1': bits after allocate"},
        {"float:1 4/4:1 allocate chip:1 fq 4/4:1", "'4/4:1': bits after"},
        {"chip:1", "'chip:1': the first"},
        {"float:1 4/4:", "'4/4:'"},
        {"float:1 4/4:1 alocate", "train.stages: 'alocate': a stage is"},
        {"float:1 4/x", "'4/x': bits of weights"},
        {"float:1 4/4", "'4/4': epochs are missing"},
        {"float:99999999999999999999", "whole number"},
    };
    MhoStages stages;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        must_refuse(mho_stages_parse(cases[i].text, &stages, &error), &error, MHO_USAGE, cases[i].words);
    char many[MHO_TEXT_MAX] = "float:1";
    for (int i = 0; i < 32; i++)
        strcat(many, " 2/4:1");
    must_refuse(mho_stages_parse(many, &stages, &error), &error, MHO_USAGE, "at most 32");
}

/* A rate after @ belongs to its stage alone; a bad one is refused. */
TEST(test_stage_with_its_own_rate)
{
    MhoStages stages;
    must(mho_stages_parse("float:6@0.3 2/4:4 fq 2/3:5@2e-3", &stages, &error), &error);
    ck_assert_double_eq(stages.stages[0].learning_rate, 0.3);
    ck_assert_double_eq(stages.stages[1].learning_rate, 0.0);
    ck_assert_double_eq(stages.stages[2].learning_rate, 0.002);
    ck_assert_int_eq(stages.stages[2].epochs, 5);
    ck_assert_str_eq(stages.stages[2].name, "fq 2/3");
    static const char *const bad[] = {"float:1@",    "float:1@0",    "float:1@-1", "float:1@nan",
                                      "float:1@101", "float:1@0.1x", "float@0.1:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        must_refuse(mho_stages_parse(bad[i], &stages, &error), &error, MHO_USAGE, bad[i]);
}

/* The parameter tables refuse bad stages and values out of range. */
TEST(test_tables_check_themselves)
{
    MhoTrainParams train;
    MhoQuantParams quant;
    mho_params_default(mho_train_descriptor.params, mho_train_descriptor.n_params, &train);
    mho_params_default(mho_quant_descriptor.params, mho_quant_descriptor.n_params, &quant);
    must(mho_descriptor_check(&mho_train_descriptor, &train, &error), &error);
    must(mho_descriptor_check(&mho_quant_descriptor, &quant, &error), &error);
    strcpy(train.stages, "float:1 2/x:3");
    must_refuse(mho_descriptor_check(&mho_train_descriptor, &train, &error), &error, MHO_USAGE, "'2/x:3'");
}

static double rate(int schedule, double warmup, double epoch)
{
    const MhoTrainParams params = {.schedule = schedule, .warmup = warmup, .step_epochs = 3.0, .step_factor = 0.5};
    return mho_schedule_rate(&params, 0.2, epoch, 10.0);
}

/* The cosine schedule falls from the peak to zero. */
TEST(test_cosine)
{
    for (int i = 0; i <= 100; i++) {
        const double epoch = 0.1 * i;
        ck_assert_double_eq_tol(rate(MHO_SCHEDULE_COSINE, 0.0, epoch),
                                0.1 * (1.0 + cos(3.14159265358979323846 * epoch / 10.0)), 1e-10);
    }
    ck_assert_double_eq_tol(rate(MHO_SCHEDULE_COSINE, 2.0, 6.0), 0.1, 1e-10); /* half way after the warm-up */
}

/* The step schedule multiplies the rate after each step; the constant one keeps it. */
TEST(test_steps_and_constant)
{
    ck_assert_double_eq(rate(MHO_SCHEDULE_STEP, 0.0, 2.99), 0.2);
    ck_assert_double_eq(rate(MHO_SCHEDULE_STEP, 0.0, 3.0), 0.1);
    ck_assert_double_eq(rate(MHO_SCHEDULE_STEP, 0.0, 9.5), 0.025);
    ck_assert_double_eq(rate(MHO_SCHEDULE_CONSTANT, 0.0, 0.0), 0.2);
    ck_assert_double_eq(rate(MHO_SCHEDULE_CONSTANT, 0.0, 10.0), 0.2);
}

/* The rate rises linearly from zero during the warm-up. */
TEST(test_warmup)
{
    for (int schedule = MHO_SCHEDULE_COSINE; schedule <= MHO_SCHEDULE_CONSTANT; schedule++) {
        ck_assert_double_eq(rate(schedule, 2.0, 0.0), 0.0);
        ck_assert_double_eq_tol(rate(schedule, 2.0, 0.5), 0.05, 1e-15);
        ck_assert_double_eq_tol(rate(schedule, 2.0, 2.0), 0.2, 1e-15);
        ck_assert_double_eq_tol(rate(schedule, 20.0, 5.0), 0.1, 1e-15); /* longer than the stage: the whole stage */
    }
}
