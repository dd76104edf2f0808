from medweave.serving.limits import BYTES_PER_MB, Limits


def test_the_largest_usual_images_are_taken():
    limits = Limits()
    assert limits.voxels >= 512 * 512 * 700  # a thoracoabdominal CT of 1 mm slices
    assert limits.decompressed_mb * BYTES_PER_MB >= 512 * 512 * 700 * 8
    assert limits.pixels >= 4300 * 5000  # a chest radiograph
