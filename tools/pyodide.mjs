// Load Pyodide, and run tools/pyodide_tests.py in it: node tools/pyodide.mjs MODULES WHEELS PROJECT
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, wheels, project] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${modules}/pyodide/pyodide.mjs`).href);
const python = await loadPyodide();
python.mountNodeFS("/wheels", wheels);
python.mountNodeFS("/project", project);
process.exit(await python.runPythonAsync(readFileSync(`${project}/tools/pyodide_tests.py`, "utf8") + "\nint(result)\n"));
