from setuptools import find_packages, setup

FOLDERS = ("agents*", "memory*", "environments*", "training*", "evals*")
setup(packages=["knowhow", *(f"knowhow.{package}" for package in find_packages(include=FOLDERS))])
