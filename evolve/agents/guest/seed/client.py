"""Usage: evolve eval [--json] | evolve ask < PROMPT | evolve left

eval   judge the program as it stands in the checkout; prints outcome, metrics and feedback
ask    put a prompt to the run's model, if it has one; prints the answer
left   what is left of this session's budget
"""

import json
import os
import sys
import time


def main(arguments):
    command = arguments[0] if arguments else ""
    if command == "eval":
        answer = ask({"kind": "eval"})
        print(json.dumps(answer, indent=1) if "--json" in arguments else told(answer))
    elif command == "ask":
        answer = ask({"kind": "ask", "messages": [{"role": "user", "content": sys.stdin.read()}]})
        print(json.dumps(answer) if "--json" in arguments else answer.get("text", answer.get("error")))
    elif command == "left":
        answer = ask({"kind": "left"})
        print(json.dumps(answer))
    else:
        print(__doc__)
        return 2
    return 1 if "error" in answer or answer.get("outcome", "valid") != "valid" else 0


def told(answer):
    if "error" in answer:
        return answer["error"]
    numbers = "".join(f"\n{name} = {value:.12g}" for name, value in answer["metrics"].items())
    left = f"\n{answer['left']['evaluations']} evaluations left"
    return f"{answer['outcome']}{numbers}\n{answer['feedback']}{left}"


def ask(request):
    spool = os.environ["AGENT_SPOOL"]
    id = os.urandom(8).hex()
    draft = f"{spool}/requests/.{id}"
    with open(draft, "w") as file:
        json.dump(request, file)
    os.rename(draft, f"{spool}/requests/{id}.json")
    place = f"{spool}/answers/{id}.json"
    while not os.path.exists(place):
        time.sleep(0.01)
    with open(place) as file:
        return json.load(file)


sys.exit(main(sys.argv[1:]))
