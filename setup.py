from setuptools import find_packages, setup

FOLDERS = ("agents", "memory", "environments", "training", "evals")
setup(
    packages=[
        "knowhow",
        *(f"knowhow.{package}" for package in find_packages(include=[f"{name}*" for name in FOLDERS])),
    ],
    package_data={"knowhow": ["py.typed"], **{f"knowhow.{name}": ["**/*"] for name in FOLDERS}},
    exclude_package_data={"": ["*.py[co]"]},
    script_name="setup.py",  # keeps setup.py itself out of the wheel
)
