/* rerun_command.c - mho rerun. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "study/sweep/rerun.h"

static MhoStatus run_rerun(MhoOptions *options, MhoError *error)
{
    MhoRerun rerun;
    const MhoModelOptions model = mho_options_model(options, false);
    if (options->trial < 0)
        return mho_fail(error, MHO_USAGE, "rerun needs the number of a trial: --trial N, counted from 0");
    const MhoStatus status = mho_rerun(options->arguments[0], (size_t)options->trial, &model, &rerun, error);
    if (rerun.settings) {
        printf("trial %d: point %zu (%s), chip %u\n", options->trial, rerun.point, rerun.settings, rerun.chip);
        printf("  then  accuracy %.2f %%  loss %.4f  logits %016llx  %.3g s\n", 100.0 * rerun.accuracy, rerun.loss,
               (unsigned long long)rerun.logits, rerun.seconds);
        printf("  now   accuracy %.2f %%  loss %.4f  logits %016llx  %.3g s%s\n", 100.0 * rerun.accuracy_now,
               rerun.loss_now, (unsigned long long)rerun.logits_now, rerun.seconds_now,
               status == MHO_OK ? "  the same" : "");
    }
    free(rerun.settings);
    return status;
}

const Command command_rerun = {
    .name = "rerun",
    .usage = "RESULT.h5 --trial N",
    .summary = "run one trial of a result again and compare its logits",
    .help = "  mho rerun results/quickstart.h5 --trial 17\n"
            "Trials are counted from 0, point after point and in each chip after chip. The same model, images and "
            "version give the\n"
            "same logits on any machine, with any number of threads; what differs is named. Exit code 1: the logits "
            "differ.",
    .options = MHO_OPTION_TRIAL | MHO_OPTION_DATA | MHO_OPTION_THREADS | MHO_OPTION_CPU | MHO_OPTION_QUIET,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_rerun,
};
