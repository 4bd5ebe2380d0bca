from benchmarks import generate_coefficients


def test_generator__run_again__gives_what_is_committed():
    different = [path.name for path, text in generate_coefficients.expected_files().items() if path.read_text() != text]
    assert different == []
