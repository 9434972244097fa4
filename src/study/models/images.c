/* images.c - the images a study trains on, calibrates with and classifies. */
#include <string.h>

#include "store/store.h"
#include "study/models/model_file.h"

static bool is_hdf5_path(const char *name)
{
    size_t length = strlen(name);
    return (length > 3 && strcmp(name + length - 3, ".h5") == 0) ||
           (length > 5 && strcmp(name + length - 5, ".hdf5") == 0);
}

static MhoStatus load(const char *name, const char *data_option, MhoSplit split, size_t limit, MhoDataset *set,
                      MhoError *error)
{
    if (!is_hdf5_path(name))
        return mho_dataset_load(name, data_option, split, limit, set, error);
    MhoRecord *record = NULL;
    MhoStatus status = mho_store_read(name, false, &record, error);
    if (status == MHO_OK)
        status = mho_dataset_from_record(record, name, limit, set, error);
    mho_record_destroy(record);
    return status;
}

static const char *training_name(const MhoStudyParams *study)
{
    return study->data_train[0] ? study->data_train : study->data_name;
}

/* Sets given by path hold one split: without data.train there are no training images, and the test images must not
 * take their place. */
static MhoStatus check_training(const MhoStudyParams *study, MhoError *error)
{
    bool by_path = strchr(study->data_name, ':') || is_hdf5_path(study->data_name);
    if (by_path && !study->data_train[0])
        return mho_fail(error, MHO_USAGE,
                        "data.train: training images are needed and data.name = %s is a path; say where they are",
                        study->data_name);
    return MHO_OK;
}

MhoStatus mho_study_identify(MhoSettings *settings, const char *data_option, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    MhoDataset all = {0};
    MhoStatus status = check_training(study, error);
    if (status == MHO_OK)
        status = load(training_name(study), data_option, MHO_SPLIT_TRAIN, (size_t)mho_settings_train(settings)->limit,
                      &all, error);
    if (status == MHO_OK)
        mho_settings_set_training_digest(settings, all.digest);
    mho_dataset_destroy(&all);
    return status;
}

MhoStatus mho_study_training(const MhoSettings *settings, const char *data_option, MhoDataset *training,
                             MhoDataset *validation, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    const MhoTrainParams *train = mho_settings_train(settings);
    MhoDataset all = {0};
    MhoStatus status = check_training(study, error);
    if (status == MHO_OK)
        status = load(training_name(study), data_option, MHO_SPLIT_TRAIN, (size_t)train->limit, &all, error);
    if (status == MHO_OK && (size_t)train->validation >= all.n)
        status = mho_fail(error, MHO_USAGE, "train.validation: %d of %zu training images leaves none to train on",
                          train->validation, all.n);
    if (status == MHO_OK)
        status = mho_dataset_split(&all, (size_t)train->validation, (uint64_t)study->seed, training, validation, error);
    mho_dataset_destroy(&all);
    return status;
}

MhoStatus mho_study_calibration(const MhoSettings *settings, const char *data_option, MhoDataset *set, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    MhoStatus status = check_training(study, error);
    return status == MHO_OK
               ? load(training_name(study), data_option, MHO_SPLIT_TRAIN, (size_t)study->calibration, set, error)
               : status;
}

MhoStatus mho_study_images(const MhoSettings *settings, const char *data_option, MhoDataset *set, MhoError *error)
{
    const MhoStudyParams *study = mho_settings_study(settings);
    if (study->split == MHO_DATA_TEST)
        return load(study->data_name, data_option, MHO_SPLIT_TEST, (size_t)study->limit, set, error);
    if (study->split == MHO_DATA_TRAIN)
        return load(training_name(study), data_option, MHO_SPLIT_TRAIN, (size_t)study->limit, set, error);
    MhoStatus status = mho_study_training(settings, data_option, NULL, set, error);
    if (status == MHO_OK && study->limit > 0 && (size_t)study->limit < set->n) {
        set->n = (size_t)study->limit; /* the rest stays allocated until destroy */
        mho_dataset_identify(set);
    }
    return status;
}
