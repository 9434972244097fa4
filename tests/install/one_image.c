/* Program PCM chip number 0, let it age a day, classify one image: one_image STUDY.yaml MODEL.h5 */
#include <mho/mho.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    MhoError e = {MHO_USAGE, "usage: one_image STUDY.yaml MODEL.h5"};
    MhoStudy *study;
    MhoModel *model;
    MhoImages *test, *training;
    MhoOnChip *on_chip;
    int32_t best;
    if (argc != 3 || mho_study_open(argv[1], &study, &e) || mho_study_set_key(study, "chip.cell.name", "pcm", &e) ||
        mho_study_set_key(study, "chip.time", "86400", &e) || mho_model_open(argv[2], &model, &e) ||
        mho_images_open(study, MHO_IMAGES_TEST, NULL, &test, &e) ||
        mho_images_open(study, MHO_IMAGES_CALIBRATION, NULL, &training, &e) ||
        mho_on_chip_create(model, study, training, NULL, &on_chip, &e) || mho_on_chip_set(on_chip, 0, NULL, &e) ||
        mho_on_chip_classify(on_chip, test, 0, 1, NULL, &best, &e))
        return fprintf(stderr, "%s\n", e.text) > 0;
    return printf("image 0 is class %d after a day, label %d\n", (int)best, mho_images_info(test).labels[0]) < 0;
}
