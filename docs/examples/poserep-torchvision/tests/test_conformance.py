from poserep.testing import conformance_tests

test_conformance = conformance_tests("poserep-torchvision")
