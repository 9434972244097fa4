/* one_image.c - program a PCM chip with a trained network, let it age a day, classify one image.
 * cc one_image.c $(pkg-config --cflags --libs mho) && ./a.out STUDY.yaml     (the study names model and data) */
#include <stdio.h>
#include <study/sweep/trial.h>

int main(int argc, char **argv)
{
    MhoError error = {.text = "usage: one_image STUDY.yaml"};
    MhoModelOptions model = {.threads = 1};
    MhoStudy study;
    MhoTrialCache *bench;
    MhoPointSetup at;
    MhoChip *chip = NULL;
    MhoChipState *state;
    float logits[256];
    if (argc != 2 || mho_study_read(argv[1], &study, &error) != MHO_OK ||
        mho_study_set(&study, "chip.cell.name=pcm", &error) != MHO_OK ||
        mho_trial_cache_create(&model, &bench, &error) != MHO_OK ||
        mho_trial_cache_prepare(bench, study.settings, "", true, &at, &error) != MHO_OK ||
        mho_lowered_net_state(at.program, at.plan, 0, (MhoCondition){.t = 86400, .temperature = 298},
                              at.calibration->images, at.calibration->n, 1, &chip, &state, &error) != MHO_OK ||
        run_analog(at.program, state, at.images->images, 1, &(AnalogRun){.threads = 1}, logits, &error) != MHO_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    int best = 0;
    for (int k = 1; k < at.program->n_classes; k++)
        best = logits[k] > logits[best] ? k : best;
    return printf("image 0 is class %d on chip 0 after a day, label %d\n", best, at.images->labels[0]) < 0;
}
